/* glob.h: which paths a pattern means. As Python's glob: parts separated by "/", "**" for any number of folders, and in a part
 * "*", "?", "[abc]", "[a-z]", "[!abc]". None of them stands for a "." at the beginning of a part. */
#pragma once

#include <stdbool.h>

enum { GLOB_PARTS_MAX = 32 };

/* Both texts end with a NUL; a pattern of more than GLOB_PARTS_MAX parts means nothing. The time it takes is bounded by the
 * product of their lengths. */
bool glob_match(const char *pattern, const char *path);
