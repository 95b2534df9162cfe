/* input_files.c: see input_files.h. Runs in the front, on paths and contents that are valid one by one.
 *
 * Sorted with "/" before every other character, what lies below a path stands right behind it: looking at neighbours is
 * enough, however many files there are. */
#include "front/input_files.h"

#include "front/memory.h"
#include "front/texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, OWN_FILES = 2 /* the folder itself and main.py */ };

static const struct string_view program = {"main.py", sizeof "main.py" - 1};

static int compare_paths(struct string_view a, struct string_view b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    for (size_t i = 0; i < size; i++)
        if (a.data[i] != b.data[i])
            return a.data[i] == '/' ? -1 : b.data[i] == '/' ? 1 : (unsigned char)a.data[i] - (unsigned char)b.data[i];
    return a.size < b.size ? -1 : a.size > b.size;
}

static int compare_files(const void *a, const void *b)
{
    const struct input_file *const *first = a, *const *second = b;
    return compare_paths((*first)->path, (*second)->path);
}

/* Is it the same place, or below it? */
static bool is_within(struct string_view path, struct string_view above)
{
    return path.size >= above.size && memcmp(path.data, above.data, above.size) == 0 &&
           (path.size == above.size || path.data[above.size] == '/');
}

/* Folders that a path needs and its neighbour before does not. */
static size_t new_folders(struct string_view path, struct string_view before)
{
    size_t count = 0, common = 0;
    while (common < path.size && common < before.size && path.data[common] == before.data[common])
        common++;
    for (size_t i = 0; i < path.size; i++)
        count += path.data[i] == '/' && i >= common;
    return count;
}

static uint64_t pages(uint64_t bytes)
{
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

static bool clash(struct string_view path, struct string_view with, char wrong[TEXT_MESSAGE_MAX])
{
    const int size = with.size < 80 ? (int)with.size : 80;
    if (path.size == with.size)
        snprintf(wrong, TEXT_MESSAGE_MAX, "there are two files \"%.*s\"", size, with.data);
    else
        snprintf(wrong, TEXT_MESSAGE_MAX, "\"%.*s\" is a file, so nothing can be in it", size, with.data);
    return false;
}

static bool check_sorted(const struct input_file **sorted, size_t count, const struct input_files_fit *fit, uint64_t code_size,
                         const struct input_file *first, size_t *index, char wrong[TEXT_MESSAGE_MAX])
{
    uint64_t bytes = pages(code_size), files = OWN_FILES + count;
    struct string_view before = {"", 0};
    for (size_t i = 0; i < count; i++) {
        const struct input_file *file = sorted[i];
        *index = (size_t)(file - first);
        if (is_within(file->path, program)) {
            snprintf(wrong, TEXT_MESSAGE_MAX, "main.py is the program itself: \"code\"");
            return false;
        }
        if (i > 0 && is_within(file->path, before))
            return clash(file->path, before, wrong);
        files += new_folders(file->path, before);
        bytes += pages(file->content.data != NULL ? file->content.size : text_base64_size(file->content_base64));
        before = file->path;
    }
    *index = SIZE_MAX;
    if (bytes > fit->workspace)
        snprintf(wrong, TEXT_MESSAGE_MAX, "the program and the files need %llu bytes; the working folder has %llu",
                 (unsigned long long)bytes, (unsigned long long)fit->workspace);
    else if (files > fit->files)
        snprintf(wrong, TEXT_MESSAGE_MAX, "there are %llu files and folders; the working folder has room for %llu",
                 (unsigned long long)files, (unsigned long long)fit->files);
    else
        return true;
    return false;
}

bool input_files_check(const struct execute_request *request, const struct input_files_fit *fit, size_t *index,
                       char wrong[TEXT_MESSAGE_MAX])
{
    const struct input_file *files = request->files.items;
    const size_t count = request->files.count;
    const struct input_file **sorted = memory_needed(calloc(count + 1, sizeof *sorted));
    for (size_t i = 0; i < count; i++)
        sorted[i] = &files[i];
    qsort(sorted, count, sizeof *sorted, compare_files);
    const bool ok = check_sorted(sorted, count, fit, request->code.size, files, index, wrong);
    free(sorted);
    return ok;
}
