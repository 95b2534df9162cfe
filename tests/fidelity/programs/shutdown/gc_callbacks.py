import gc

events = []
gc.callbacks.append(lambda phase, info: events.append((phase, info["generation"])))
gc.collect()
print(events)
gc.callbacks.clear()
gc.disable()
print(gc.isenabled())
