import logging

logging.info("not shown")
logging.warning("shown %s", "x")
log = logging.getLogger("a.b")
log.error("from a.b")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("with a traceback")
logging.getLogger().addHandler(logging.NullHandler())
log.warning("last resort is off")
