/* faults.c: a library that tests load into the service (LD_PRELOAD): allocations fail where they are told to, and the time of day
 * jumps. It is told in memory that it shares with the test: a file that FAULTS_FILE names, mapped before anything is confined.
 * Static programs and those with an environment of their own (the incubator, the interpreter) do not load it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

struct faults {
    int32_t pid;       /* whose allocations are counted */
    int32_t countdown; /* the one that makes it 0 fails; 0: none does */
    int32_t more;      /* so many after it fail, too */
    int32_t failed;    /* have failed so far */
    int64_t jump;      /* seconds that the time of day is off */
};

static struct faults *faults;
static pid_t self;

static void forked(void)
{
    self = getpid();
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_FILE");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *memory = fd >= 0 ? mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (fd >= 0)
        close(fd);
    self = getpid();
    pthread_atfork(NULL, NULL, forked);
    if (memory != MAP_FAILED)
        faults = memory;
}

static int fails(void)
{
    if (faults == NULL || faults->pid != self || faults->countdown == 0)
        return 0;
    if (faults->countdown > 1) {
        faults->countdown--;
        return 0;
    }
    if (faults->more > 0)
        faults->more--;
    else
        faults->countdown = 0;
    faults->failed++;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails() ? NULL : __libc_realloc(old, size);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    const int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && faults != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        time->tv_sec += faults->jump;
    return result;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    *now = (struct timeval){precise.tv_sec, precise.tv_nsec / 1000};
    return 0;
}
