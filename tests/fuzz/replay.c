/* replay.c FOLDER: feeds a target every file of its corpus, whole and cut off at each of its first bytes. */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

enum { INPUT_MAX = 1 << 20, PREFIXES_MAX = 256 };

static void feed(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = (uint8_t *)copy_of(bytes, size, false);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

int main(int argc, char **argv)
{
    static uint8_t bytes[INPUT_MAX];
    size_t files = 0;
    struct dirent *entry;
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        char path[4096];
        struct stat state;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (stat(path, &state) != 0 || !S_ISREG(state.st_mode))
            continue;
        FILE *file = fopen(path, "rb");
        MUST(file != NULL);
        const size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        fprintf(stderr, "%s\n", path);
        feed(bytes, size);
        for (size_t cut = 0; cut < size && cut < PREFIXES_MAX; cut++)
            feed(bytes, cut);
        files++;
    }
    MUST(files > 0);
    closedir(folder);
    return 0;
}
