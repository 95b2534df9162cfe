import logging
import sys

logging.basicConfig(stream=sys.stdout, level="DEBUG", format="%(levelname)s %(filename)s:%(lineno)d %(funcName)s %(module)s %(threadName)s %(processName)s %(message)s")


def f():
    logging.debug("in f", stack_info=True)


f()
logging.info("bad %d", "format")
