/* input_files.h: whether the files that a request brings can all be there: no two in one place, and room for all of them. */
#pragma once

#include "front/fields.h"

enum { TEXT_MESSAGE_MAX = 200 };

struct input_files_fit {
    uint64_t workspace; /* bytes of the working folder */
    uint64_t files;     /* files and folders in it */
};

/* True when they can. Else `wrong` says why not, and `index` which file, SIZE_MAX for all of them. */
bool input_files_check(const struct execute_request *request, const struct input_files_fit *fit, size_t *index,
                       char wrong[TEXT_MESSAGE_MAX]);
