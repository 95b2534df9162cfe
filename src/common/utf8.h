/* utf8.h: tells where a UTF-8 sequence ends. */
#pragma once

#include <stddef.h>

/* The length (1 to 4) of the well-formed UTF-8 sequence that `bytes` starts with; 0 when it starts with none:
 * a stray continuation byte, an overlong form, a surrogate, a value above U+10FFFF, or one cut off by `size`. */
size_t utf8_sequence(const unsigned char *bytes, size_t size);
