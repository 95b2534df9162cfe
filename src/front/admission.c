/* admission.c: see admission.h. Runs in the front. */
#include "front/admission.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { RETRY_AFTER_MAX = 600 };

static const double MEAN_WEIGHT = 0.1; /* of the newest value, once there are enough */

void pace_run_ended(struct pace *pace, uint64_t wall_ns)
{
    const double weight = 1.0 / (double)++pace->runs;
    pace->run += (weight > MEAN_WEIGHT ? weight : MEAN_WEIGHT) * ((double)wall_ns / 1e9 - pace->run);
}

void pace_queue_begins(struct pace *pace, uint64_t now_ns)
{
    pace->between = 0;
    pace->last_start_ns = now_ns;
}

void pace_waiting_started(struct pace *pace, uint64_t now_ns)
{
    const double seconds = (double)(now_ns - pace->last_start_ns) / 1e9;
    pace->between = pace->between == 0 ? seconds : pace->between + MEAN_WEIGHT * (seconds - pace->between);
    pace->last_start_ns = now_ns;
}

double pace_wait(const struct pace *pace, int64_t position, int64_t lanes)
{
    const double by_runs = pace->run / (double)(lanes > 0 ? lanes : 1);
    return (double)position * (pace->between > by_runs ? pace->between : by_runs);
}

double prefer_wait(const char *prefer, double most)
{
    static const char word[] = "wait=";
    for (const char *p = prefer; *p != '\0'; p += strcspn(p, ",;"), p += *p != '\0') {
        p += strspn(p, " \t");
        if (strncasecmp(p, word, sizeof word - 1) != 0)
            continue;
        char *end;
        double seconds = strtod(p + sizeof word - 1, &end);
        return end != p + sizeof word - 1 && seconds >= 0 && seconds < most ? seconds : most;
    }
    return most;
}

unsigned retry_after(double seconds)
{
    return seconds < 1 ? 1 : seconds > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (unsigned)(seconds + 0.999);
}
