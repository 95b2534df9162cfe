import sys
import warnings

for entry in warnings.filters:
    print(entry[0], entry[1], entry[2].__name__, entry[3], entry[4])
print(sys.warnoptions)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    warnings.warn("w1")
    warnings.warn("w2", BytesWarning)
print([(str(w.message), w.category.__name__, w.lineno) for w in caught])
