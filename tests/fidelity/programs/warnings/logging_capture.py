import logging
import warnings

logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
logging.captureWarnings(True)
warnings.warn("through logging")
