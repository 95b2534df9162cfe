print("raised by hand", flush=True)
raise KeyboardInterrupt
