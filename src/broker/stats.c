/* stats.c: what the broker alone knows of the service's processes, for the front's /metrics. Runs in the broker. */
#include "broker/core.h"

#include <stdio.h>
#include <unistd.h>

uint64_t resident_bytes(pid_t pid)
{
    char path[64];
    unsigned long long all, present = 0;

    if (pid <= 0)
        return 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &all, &present) != 2)
        present = 0;
    fclose(file);
    return present * (uint64_t)sysconf(_SC_PAGESIZE);
}

void broker_stats(const struct broker *broker, struct message_stats *stats)
{
    *stats = (struct message_stats){.head = {.type = MESSAGE_STATS}};
    for (size_t role = 0; role < ROLE_COUNT; role++)
        stats->restarts[role] = broker->restarts[role];
    stats->resident_bytes[ROLE_BROKER] = resident_bytes(getpid());
    stats->resident_bytes[ROLE_FRONT] = resident_bytes(broker->client);
    for (uint32_t i = 0; i < broker->environment_count; i++) {
        stats->resident_bytes[ROLE_INCUBATOR] += resident_bytes(broker->environments[i].incubator.pid);
        stats->resident_bytes[ROLE_ZYGOTE] += resident_bytes(broker->environments[i].zygote.pid);
        for (uint32_t set = 1; set <= SETS_MAX; set++)
            stats->resident_bytes[ROLE_ZYGOTE] += resident_bytes(broker->environments[i].sets[set].zygote.pid);
    }
    for (uint32_t i = 0; i < broker->slot_count; i++)
        stats->quarantined += broker->slots[i].state == SLOT_QUARANTINED;
}
