/* messages_broker.c: the broker against its own processes: the front, the incubator, the zygote, programs before user code and
 * collectors say anything in any order, die, and time passes. An input is a list of steps.
 *
 * The broker is the real one but for the kernel: processes are entries of a table here (process_table.h), and so are descriptors (descriptors.h). So
 * it is seen whom it signals: nobody but its own children that it has not reaped. At the end all of them are dead and reaped, and
 * no descriptor is left. */
#include "descriptors.h"
#include "fuzz.h"
#include "process_table.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/broker.c"

enum {
    STEPS_MAX = 64,
    ENVIRONMENTS = 2,
    MAKER_KINDS = 5,
    JOBS_MAX = 16,
};

static struct broker broker;
static struct config config;

void __wrap_log_write(enum log_level level, const char *event, const struct log_field *fields);
void __wrap_log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    MUST(event != NULL && level <= LOG_ERROR);
    for (; fields->key != NULL; fields++)
        MUST(fields->type != LOG_FIELD_STRING || (fields->string != NULL && strlen(fields->string) < 1 << 16));
}

/* --- the other ends ------------------------------------------------------------------------------------------------------ */

static int front_end = -1;
static struct {
    int channel;
} ends[ENVIRONMENTS][MAKER_KINDS]; /* incubator, zygote, next, old, one with learned modules */
static int jobs[JOBS_MAX]; /* programs' ends of job sockets */
static size_t job_count;
static int population = -1;

static int start_maker(struct maker *maker, int *end)
{
    int pair[2], output[2];
    const pid_t pid = child_new();
    if (pid < 0)
        return -1;
    if (*end >= 0)
        close(*end);
    MUST(channel_pair(pair, SOCK_NONBLOCK) == 0 && pipe2(output, O_NONBLOCK | O_CLOEXEC) == 0);
    *maker = (struct maker){.pid = pid, .pidfd = child_pidfd(child_of(pid)), .channel = pair[0], .output = output[0]};
    close(output[1]);
    *end = pair[1];
    return 0;
}

static uint32_t environment_of(const struct environment_plan *plan)
{
    return plan == &broker.environments[0].plan ? 0 : 1;
}

int __wrap_environment_start(struct maker *incubator, struct maker *zygote, const struct environment_plan *plan, unsigned seconds, struct error *err);
int __wrap_environment_start_zygote(struct maker *zygote, const struct maker *incubator, const struct environment_plan *plan, uint32_t modules,
                                    struct error *err);

int __wrap_environment_start(struct maker *incubator, struct maker *zygote, const struct environment_plan *plan, unsigned seconds, struct error *err)
{
    MUST(seconds > 0);
    const uint32_t env = environment_of(plan);
    if (start_maker(incubator, &ends[env][0].channel) != 0)
        return error_set(err, EAGAIN, "no more processes");
    if (start_maker(zygote, &ends[env][1].channel) == 0)
        return 0;
    maker_stop(incubator);
    return error_set(err, EAGAIN, "no more processes");
}

int __wrap_environment_start_zygote(struct maker *zygote, const struct maker *incubator, const struct environment_plan *plan, uint32_t modules,
                                    struct error *err)
{
    const uint32_t env = environment_of(plan);
    (void)incubator;
    if (modules != 0) /* the one before it is not heard of any more */
        return start_maker(zygote, &ends[env][4].channel) == 0 ? 0 : error_set(err, EAGAIN, "no more processes");
    /* the one before it, if it lives, is "old" once this one is warm */
    if (ends[env][3].channel >= 0)
        close(ends[env][3].channel);
    ends[env][3].channel = ends[env][1].channel;
    ends[env][1].channel = ends[env][2].channel;
    ends[env][2].channel = -1;
    if (ends[env][1].channel < 0) {
        ends[env][1].channel = ends[env][3].channel;
        ends[env][3].channel = -1;
    }
    return start_maker(zygote, &ends[env][2].channel) == 0 ? 0 : error_set(err, EAGAIN, "no more processes");
}

static int start_client(struct broker *b, struct error *err)
{
    int pair[2];
    const pid_t pid = child_new();
    if (pid < 0)
        return error_set(err, EAGAIN, "no more processes");
    MUST(channel_pair(pair, SOCK_NONBLOCK) == 0);
    if (front_end >= 0)
        close(front_end);
    front_end = pair[1];
    b->client = pid;
    b->client_channel = pair[0];
    b->client_pidfd = child_pidfd(child_of(pid));
    b->client_since = now_ns();
    MUST(broker_watch(b, b->client_pidfd, EPOLLIN, WATCH_CLIENT_PID, NULL) == 0 &&
         broker_watch(b, b->client_channel, EPOLLIN, WATCH_CLIENT, NULL) == 0);
    supply_fill_all(b);
    return 0;
}

/* The groups' files cannot be made here: every slot has one whose counters are all the same file. */
static void give_groups(void)
{
    for (uint32_t i = 0; i < broker.slot_count; i++) {
        struct slot *slot = &broker.slots[i];
        if (slot->has_cgroup)
            continue;
        slot->cgroup = (struct cgroup){.tree = &broker.cgroups, .index = i, .oom_event = -1, .procs_count = 1};
        slot->cgroup.procs[0] = open("/dev/null", O_WRONLY | O_CLOEXEC);
        for (int file = 0; file < CGROUP_FILES_MAX; file++)
            slot->cgroup.files[file] = -1;
        slot->cgroup.files[CGROUP_FILES_MAX - 1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
        for (int file = 0; file < CGROUP_FILES_MAX - 1; file++)
            slot->cgroup.files[file] = fcntl(population, F_DUPFD_CLOEXEC, 3);
        slot->has_cgroup = true;
    }
}

static void set_population(unsigned count, unsigned oom_kills)
{
    char text[64];
    const int size = snprintf(text, sizeof text, "%u\nusage_usec 5\noom_kill %u\n", count, oom_kills);
    MUST(ftruncate(population, 0) == 0 && pwrite(population, text, (size_t)size, 0) == size);
}

static void begin(void)
{
    struct error err;
    clock_ns = 1000 * SECOND_NS;
    child_count = job_count = 0;
    broker = (struct broker){.config = &config, .client_channel = -1, .client_pidfd = -1, .keys = -1, .signals = -1, .client_start = start_client};
    broker.cgroups = (struct cgroup_tree){.version = 2, .count = 1, .hierarchies = {{.base = "/nowhere"}}, .locks = {-1}};
    broker.epoll = epoll_create1(EPOLL_CLOEXEC);
    MUST(make_slots(&broker, &err) == 0);
    struct slot *slots = broker.slots;
    for (uint32_t i = 0; i < ENVIRONMENTS; i++) {
        struct environment *env = &broker.environments[broker.environment_count++];
        *env = (struct environment){.config = &config.environments[i], .index = i, .slots = slots, .incubator = MAKER_NONE,
                                    .zygote = MAKER_NONE, .next = MAKER_NONE, .old = MAKER_NONE, .inventory = -1};
        sets_init(&broker, env);
        env->slot_count = (uint32_t)slots_needed(&config, env->config);
        env->plan = (struct environment_plan){.config = env->config, .incubator_binary = -1, .collector_binary = -1, .seccomp = -1,
                                              .first_id = FIRST_ID + i * IDS, .slots = env->slot_count};
        env->served_once = true; /* else the first failure ends the service */
        for (uint32_t place = 0; place < env->slot_count; place++) {
            slots[place].environment = env;
            slots[place].place = place;
        }
        slots += env->slot_count;
        for (size_t kind = 0; kind < MAKER_KINDS; kind++)
            ends[i][kind].channel = -1;
    }
    give_groups();
    set_population(1, 0);
    broker.watch_at = clock_ns + WATCHDOG_TICK_NS;
    MUST(begin_environments(&broker, &err) == 0 && start_client(&broker, &err) == 0);
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void end(void)
{
    finish(&broker);
    close_end(&front_end);
    for (uint32_t i = 0; i < ENVIRONMENTS; i++)
        for (size_t kind = 0; kind < MAKER_KINDS; kind++)
            close_end(&ends[i][kind].channel);
    while (job_count > 0)
        close(jobs[--job_count]);
    for (size_t i = 0; i < child_count; i++)
        MUST(!children[i].there);
    close(broker.epoll);
    release(&broker);
}

/* --- steps --------------------------------------------------------------------------------------------------------------- */

/* What the broker has said; programs' job sockets are kept. */
static void drain(int channel)
{
    struct message message;
    while (channel >= 0 && channel_receive(channel, &message) == 1) {
        if (message.head.type == MESSAGE_PROGRAM_FORK && message.fd_count > PROGRAM_FDS && job_count < JOBS_MAX) {
            jobs[job_count++] = message.fds[1];
            message.fds[1] = -1;
        }
        message_close_fds(&message);
    }
}

static void turn(void)
{
    struct epoll_event events[EVENTS_MAX];
    for (int i = 0; i < 4; i++) {
        const int n = epoll_wait(broker.epoll, events, EVENTS_MAX, 0);
        for (int at = 0; at < n && !broker.failed; at++)
            dispatch(&broker, &events[at]);
        if (n <= 0)
            break;
    }
    for (uint32_t env = 0; env < ENVIRONMENTS; env++)
        for (size_t kind = 0; kind < MAKER_KINDS; kind++)
            drain(ends[env][kind].channel);
    give_groups();
}

/* A sandbox that there is, or nearly. */
static struct message_head head_from(struct input *input, enum message_type type, bool to_client)
{
    const uint8_t which = take_byte(input), off = take_byte(input);
    const struct slot *slot = &broker.slots[which % broker.slot_count];
    struct message_head head = {.type = type, .slot = to_client ? slot->index : slot->place, .generation = slot->generation};
    if ((off & 0xf0) == 0xf0) {
        head.slot += off & 3;
        head.generation += (off >> 2) & 3;
    }
    return head;
}

static void send_raw(struct input *input, int channel)
{
    static const size_t sizes[] = {sizeof(struct message_head), sizeof(struct message_run_start), sizeof(struct message_run_prepare),
                                   sizeof(struct message_nest_made), sizeof(struct message_zygote_warm), sizeof(struct message_program_forked)};
    unsigned char bytes[MESSAGE_SIZE_MAX] = {0};
    const uint8_t type = take_byte(input), shape = take_byte(input);
    const size_t size = shape % 8 < 6 ? sizes[shape % 8] : take_byte(input);
    const struct message_head head = head_from(input, type % (MESSAGE_TYPE_COUNT + 1), (shape & 8) != 0);
    int fds[MESSAGE_FDS_MAX] = {0}, count = shape >> 5;
    take(input, bytes, size);
    memcpy(bytes, &head, size < sizeof head ? size : sizeof head);
    for (int i = 0; i < count; i++)
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (size > 0 && channel >= 0)
        channel_send(channel, bytes, size, fds, count);
    while (count > 0)
        close(fds[--count]);
}

static void from_front(struct input *input)
{
    const uint8_t what = take_byte(input);
    struct message message = {0};
    size_t size = sizeof message.head;
    switch (what & 7) {
    case 0:
        message.head = (struct message_head){.type = MESSAGE_RUN_WAITS, .slot = what >> 3 & 3};
        message.run_waits.waiting = take_byte(input) & 7;
        message.run_waits.modules = what >> 5;
        size = sizeof message.run_waits;
        break;
    case 1:
        message.head = head_from(input, MESSAGE_RUN_START, true);
        message.run_start.timeout_ns = (uint64_t)take_byte(input) * 10 * MS;
        message.run_start.cpu_time_ns = (uint64_t)take_byte(input) * 10 * MS;
        message.run_start.sent_ns = clock_ns - take_byte(input);
        message.run_start.modules = what >> 3;
        size = sizeof message.run_start;
        break;
    case 2:
        message.head = head_from(input, MESSAGE_RUN_PREPARE, true);
        message.run_prepare.workspace = (what & 8) != 0 ? 4096 : 0;
        message.run_prepare.collect = what >> 4 & 1;
        message.run_prepare.processes = (what & 32) != 0;
        size = sizeof message.run_prepare;
        break;
    case 3:
        message.head = head_from(input, MESSAGE_RUN_KILL, true);
        message.run_kill.reason = what >> 3 & 3;
        size = sizeof message.run_kill;
        break;
    case 4:
        message.head = (struct message_head){.type = MESSAGE_STATS_ASK};
        break;
    case 5:
        drain(front_end);
        return;
    case 6:
        close_end(&front_end);
        return;
    default:
        send_raw(input, front_end);
        return;
    }
    if (front_end >= 0)
        channel_send(front_end, &message, size, NULL, 0);
}

static void from_maker(struct input *input)
{
    const uint8_t what = take_byte(input), env = what >> 3 & 1;
    const uint8_t kind = (what >> 4 & 7) % MAKER_KINDS;
    struct message message = {0};
    size_t size = sizeof message.nest_made;
    switch (what & 7) {
    case 0:
    case 1: /* a nest, or none */
        message.head = head_from(input, MESSAGE_NEST_MADE, false);
        message.nest_made.pid = (what & 1) == 0 ? child_new() : -(take_byte(input) & 1);
        memset(message.nest_made.what, 'x', sizeof message.nest_made.what);
        channel_send(ends[env][0].channel, &message, size, NULL, 0);
        return;
    case 2:
    case 3: /* a program, or none */
        message.head = head_from(input, MESSAGE_PROGRAM_FORKED, false);
        message.program_forked.pid = (what & 1) == 0 ? child_new() : -(take_byte(input) & 1);
        size = sizeof message.program_forked;
        break;
    case 4: /* somebody else's process, or one that is known */
        message.head = head_from(input, (what & 128) != 0 ? MESSAGE_NEST_MADE : MESSAGE_PROGRAM_FORKED, false);
        message.nest_made.pid = CHILD_FIRST + take_byte(input) - 4;
        message.program_forked.pid = message.nest_made.pid;
        size = (what & 128) != 0 ? sizeof message.nest_made : sizeof message.program_forked;
        break;
    case 5:
        message.head.type = MESSAGE_ZYGOTE_WARM;
        message.zygote_warm.error = (what & 128) != 0;
        message.zygote_warm.needs = message.zygote_warm.has = kind == 4 ? take_byte(input) : 0;
        message.zygote_warm.failed = message.zygote_warm.needs;
        memset(message.zygote_warm.version, '3', sizeof message.zygote_warm.version);
        memset(message.zygote_warm.what, 'x', sizeof message.zygote_warm.what);
        size = sizeof message.zygote_warm;
        break;
    case 6:
        close_end(&ends[env][kind].channel);
        return;
    default:
        send_raw(input, ends[env][kind].channel);
        return;
    }
    const int channel = ends[env][kind == 0 ? ((what & 4) != 0 && (what & 128) != 0 ? 0 : 1) : kind].channel;
    if (channel >= 0)
        channel_send(channel, &message, size, NULL, 0);
}

static void from_program(struct input *input)
{
    const uint8_t what = take_byte(input);
    struct program_status status = {.magic = JOB_MAGIC, .error = what & 1};
    memset(status.what, 'x', sizeof status.what);
    if (job_count == 0)
        return;
    const int job = jobs[--job_count];
    if ((what & 2) != 0)
        take(input, &status, sizeof status);
    if ((what & 4) == 0)
        send(job, &status, sizeof status - ((what & 8) != 0), MSG_NOSIGNAL);
    close(job);
}

static void somebody_dies(struct input *input)
{
    const uint8_t which = take_byte(input), how = take_byte(input);
    if (child_count == 0)
        return;
    struct child *child = &children[child_count - 1 - which % child_count];
    if (child->there)
        child_die(child, (how & 1) != 0 ? how >> 1 : how << 7 & 0xff00);
}

static void time_passes(struct input *input)
{
    clock_ns += (uint64_t)MS << (take_byte(input) & 15);
    if (!broker.failed)
        deadlines(&broker);
}

static void counters_move(struct input *input)
{
    const uint8_t what = take_byte(input);
    set_population(what & 15, what >> 7);
}

static void step(struct input *input)
{
    static void (*const steps[])(struct input *) = {from_front, from_maker, from_program, somebody_dies, time_passes, counters_move};
    const uint8_t what = take_byte(input) % (sizeof steps / sizeof *steps);
    steps[what](input);
    if (!broker.failed)
        turn();
}

static void prepare_once(void)
{
    struct error err;
    signal(SIGPIPE, SIG_IGN);
    population = memfd_create("counters", MFD_CLOEXEC);
    config_init(&config);
    MUST(config_set(&config, "listen", "127.0.0.1:1", &err) == 0 && config_set(&config, "concurrency", "2", &err) == 0 &&
         config_set(&config, "pool", "1", &err) == 0 && config_set(&config, "pool-max", "2", &err) == 0 &&
         config_set(&config, "environment.other.pool", "0", &err) == 0 &&
         config_set(&config, "environment.other.pool-max", "1", &err) == 0 && config_finish(&config, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    if (population < 0)
        prepare_once();
    const size_t before = descriptor_count();
    begin();
    for (size_t i = 0; i < STEPS_MAX && input.size > 0 && !broker.failed; i++)
        step(&input);
    end();
    MUST(descriptor_count() == before);
    return 0;
}
