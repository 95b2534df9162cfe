def deep():
    raise ValueError("deep")


try:
    deep()
except ValueError as error:
    saved = error

raise saved.with_traceback(saved.__traceback__.tb_next)
