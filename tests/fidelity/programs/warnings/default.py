import warnings

warnings.warn("careful")
warnings.warn("deprecated in main", DeprecationWarning)
warnings.warn("pending", PendingDeprecationWarning)
warnings.warn("resource", ResourceWarning)
warnings.warn("future", FutureWarning)
for _ in range(3):
    warnings.warn("only once here")
