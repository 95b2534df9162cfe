/* suggest.h: "did you mean ...?" */
#pragma once

/* Of `names` (ended by NULL) the one nearest to `typed`, or NULL when none is near. */
const char *suggest(const char *typed, const char *const *names);
