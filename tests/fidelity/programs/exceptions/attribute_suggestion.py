import collections

collections.namedtoplo
