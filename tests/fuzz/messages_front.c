/* messages_front.c: the front's side of the channel to the broker: any messages, in any order, with any descriptors, while runs
 * are submitted, cancelled, print and end. An input is a list of steps. At its end everything is given back. */
#include "descriptors.h"
#include "fuzz.h"

#include "common/channel.h"
#include "common/log.h"
#include "front/answer.h"
#include "front/environments.h"
#include "front/keys.h"
#include "front/metrics.h"
#include "front/pool.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { SLOTS = 4, GENERATIONS = 4, RUNS = 8, STEPS_MAX = 64, RAW_MAX = 512 };

static struct server server;
static struct metrics metrics;
static struct keys keys;
static struct config config;
static uv_loop_t loop;
static int broker_end;
static struct run *runs[RUNS];
static int printing[SLOTS], working[SLOTS]; /* programs' ends of what they print, and of their jobs; -1 */
static unsigned gone;
static bool paused;

void __wrap_log_write(enum log_level level, const char *event, const struct log_field *fields);
void __wrap_log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    MUST(event != NULL && fields != NULL && level <= LOG_ERROR);
    for (; fields->key != NULL; fields++)
        MUST(fields->type != LOG_FIELD_STRING || fields->string == NULL || strlen(fields->string) < 1 << 20);
}

/* There is no listening socket here to take or leave. */
void __wrap_server_accept(struct server *accepting);
void __wrap_server_retire(struct server *retiring);

void __wrap_server_accept(struct server *accepting)
{
    MUST(accepting == &server);
}

void __wrap_server_retire(struct server *retiring)
{
    MUST(retiring == &server);
}

static void on_gone(void)
{
    gone++;
}

static void forget(const struct run *run)
{
    for (size_t i = 0; i < RUNS; i++)
        if (runs[i] == run)
            runs[i] = NULL;
}

static void on_ended(struct run *run, const struct message_run_ended *end)
{
    struct buffer answer;
    buffer_init(&answer, 1 << 22);
    if (end->outcome != RUN_FAILED)
        answer_write(&answer, run, end);
    MUST(!answer.failed);
    buffer_free(&answer);
    forget(run);
}

static void on_late(struct run *run)
{
    forget(run);
}

static bool on_printed(struct run *run, enum run_stream stream, const char *bytes, size_t size)
{
    MUST(run != NULL && bytes != NULL && size > 0 && (stream == RUN_STDOUT || stream == RUN_STDERR));
    paused = !paused;
    return paused;
}

static void prepare(void)
{
    struct error err;
    int pair[2];
    config_init(&config);
    MUST(config_set(&config, "concurrency", "2", &err) == 0 && config_set(&config, "queue", "3", &err) == 0);
    MUST(config_set(&config, "environment.other.pool", "0", &err) == 0 && config_finish(&config, &err) == 0);
    signal(SIGPIPE, SIG_IGN); /* as the front does */
    MUST(uv_loop_init(&loop) == 0 && channel_pair(pair, SOCK_NONBLOCK) == 0);
    broker_end = pair[1];
    metrics_init(&metrics);
    keys_init(&keys, false);
    server = (struct server){.config = &config, .loop = &loop, .metrics = &metrics, .keys = &keys};
    server.environments = environments_new(&config);
    server.pool = pool_start(&server, pair[0], on_gone, &err);
    MUST(server.environments != NULL && server.pool != NULL);
    for (size_t i = 0; i < SLOTS; i++)
        printing[i] = working[i] = -1;
}

/* The front takes what was sent. What it says is thrown away, or not yet: a channel that nobody reads is full at some time. */
static void turn(bool heard)
{
    char bytes[MESSAGE_SIZE_MAX];
    uv_run(&loop, UV_RUN_NOWAIT);
    while (heard && recv(broker_end, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
}

static void send_to_front(const void *message, size_t size, int *fds, int count)
{
    channel_send(broker_end, message, size, fds, count);
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

static struct message_head head_from(struct input *input, enum message_type type)
{
    const uint8_t where = take_byte(input);
    return (struct message_head){.type = type, .slot = where % SLOTS, .generation = where / SLOTS % GENERATIONS};
}

static void stop_printing(uint32_t slot)
{
    if (printing[slot] >= 0)
        close(printing[slot]);
    if (working[slot] >= 0)
        close(working[slot]);
    printing[slot] = working[slot] = -1;
}

static void ready(struct input *input)
{
    struct message_sandbox_ready message = {.head = head_from(input, MESSAGE_SANDBOX_READY)};
    int job[2], out[2], fds[5], count = 4;
    const uint8_t how = take_byte(input);
    message.environment = how & 3;
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, job) == 0 && pipe2(out, O_NONBLOCK | O_CLOEXEC) == 0);
    if ((how & 4) != 0)
        close(job[1]); /* dead on arrival */
    fds[0] = job[0];
    fds[1] = out[0];
    fds[2] = dup(out[0]);
    fds[3] = memfd_create("report", MFD_CLOEXEC);
    fds[4] = (how & 8) != 0 ? dup(out[0]) : -1;
    count += fds[4] >= 0;
    if ((how & 16) != 0)
        MUST(ftruncate(fds[3], sizeof(struct report)) == 0);
    send_to_front(&message, sizeof message, fds, count);
    stop_printing(message.head.slot);
    printing[message.head.slot] = out[1];
    if ((how & 4) == 0)
        working[message.head.slot] = job[1];
}

static void submit(struct input *input)
{
    const uint8_t how = take_byte(input);
    const struct string_view pattern = {"**", 2};
    struct execute_request request = {.code = {"pass", 4}, .timeout = 1, .environment = how & 1};
    size_t place = 0;
    double seconds;
    while (place < RUNS && runs[place] != NULL)
        place++;
    if (place == RUNS)
        return;
    if ((how & 2) != 0)
        request.collect = (struct field_list){(void *)&pattern, 1};
    if ((how & 4) != 0)
        request.limits.memory = 1 << 26;
    struct run *run = run_new(NULL, &request, &config);
    MUST(run != NULL);
    request_id_make(run->id);
    run->key = key_hold(&keys.nobody);
    run->share = &run->key->share;
    run->start_by_ns = uv_hrtime() + ((how & 8) != 0 ? 0 : 3600000000000);
    run->ended = on_ended;
    run->late = on_late;
    run->printed = (how & 16) != 0 ? on_printed : NULL;
    runs[place] = run;
    if (pool_submit(server.pool, run, &seconds) != REFUSED_NOT) {
        runs[place] = NULL;
        run_free(run);
    }
}

static void end_some(struct input *input)
{
    const uint8_t which = take_byte(input);
    struct run *run = runs[which % RUNS];
    if (run == NULL)
        return;
    if ((which & 64) != 0) {
        pool_end(server.pool, run);
    } else if ((which & 128) != 0) {
        pool_resume(server.pool, run);
    } else {
        forget(run);
        pool_cancel(server.pool, run);
    }
}

/* What a broken broker might send: any type, any length, any descriptors; the sandbox one that may exist. */
static void raw(struct input *input)
{
    static const size_t sizes[] = {sizeof(struct message_sandbox_ready), sizeof(struct message_run_ended), sizeof(struct message_keys),
                                   sizeof(struct message_environment), sizeof(struct message_stats), sizeof(struct message_head)};
    unsigned char bytes[RAW_MAX] = {0};
    const uint8_t type = take_byte(input), shape = take_byte(input);
    const size_t size = shape % 8 < 6 ? sizes[shape % 8] : take_byte(input);
    struct message_head head = head_from(input, type % (MESSAGE_TYPE_COUNT + 1));
    int fds[MESSAGE_FDS_MAX] = {0}, count = shape >> 5;
    take(input, bytes, size);
    memcpy(bytes, &head, size < sizeof head ? size : sizeof head);
    for (int i = 0; i < count; i++)
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (size > 0)
        send_to_front(bytes, size, fds, count);
    else
        while (count > 0)
            close(fds[--count]);
}

/* A message that the broker does send, of the right form. */
static void formed(struct input *input)
{
    static const struct {
        enum message_type type;
        size_t size;
    } kinds[] = {{MESSAGE_SANDBOX_UNWANTED, sizeof(struct message_sandbox_unwanted)}, {MESSAGE_SANDBOX_GONE, sizeof(struct message_sandbox_gone)},
                 {MESSAGE_RUN_PREPARED, sizeof(struct message_run_prepared)}, {MESSAGE_RUN_ENDED, sizeof(struct message_run_ended)}};
    struct message message = {0};
    const uint8_t how = take_byte(input);
    int fds[1] = {-1}, count = 0, pair[2];
    message.head = head_from(input, kinds[how & 3].type);
    if ((how & 3) == 3) {
        message.run_ended.outcome = take_byte(input) & 15;
        message.run_ended.exit_code = take_byte(input);
        message.run_ended.signal = take_byte(input) & 127;
        message.run_ended.limits_hit = take_byte(input);
    }
    if ((how & 4) != 0) { /* a collector, which says something */
        MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
        unsigned char bytes[64];
        const size_t have = take(input, bytes, take_byte(input) % sizeof bytes);
        if (have > 0)
            MUST(write(pair[1], bytes, have) == (ssize_t)have);
        close(pair[1]);
        fds[count++] = pair[0];
    }
    send_to_front(&message, kinds[how & 3].size, fds, count);
}

/* Keys, or an inventory: text in a memory file. */
static void told(struct input *input)
{
    const uint8_t how = take_byte(input);
    char text[RAW_MAX] = {0};
    const size_t size = take(input, text, (size_t)take_byte(input) * 2);
    int fd = memfd_create("text", MFD_CLOEXEC);
    MUST(write(fd, text, size) == (ssize_t)size);
    if ((how & 1) != 0) {
        const struct message_keys message = {.head = {.type = MESSAGE_KEYS}, .size = (how & 2) != 0 ? size : take_byte(input)};
        send_to_front(&message, sizeof message, &fd, 1);
    } else {
        struct message_environment message = {.head = {.type = MESSAGE_ENVIRONMENT, .slot = how >> 2 & 3}, .warm = how >> 1 & 1};
        memset(message.python, 'x', sizeof message.python);
        send_to_front(&message, sizeof message, &fd, 1);
    }
}

static void each_package(void *data, const char *name, size_t name_size, const char *version, size_t version_size)
{
    size_t *sum = data;
    for (size_t i = 0; i < name_size; i++)
        *sum += (unsigned char)name[i];
    for (size_t i = 0; i < version_size; i++)
        *sum += (unsigned char)version[i];
}

static void look(void)
{
    size_t sum = 0;
    for (size_t i = 0; i < config.environment_count; i++) {
        environment_packages(server.environments, i, each_package, &sum);
        MUST(strlen(environment_python(server.environments, i)) < 32);
        environment_has_module(server.environments, i, "numpy");
    }
    pool_wait(server.pool, &keys.nobody);
    pool_unready(server.pool);
    pool_tick(server.pool);
}

static void print(struct input *input)
{
    const uint8_t how = take_byte(input);
    char bytes[64];
    const size_t size = take(input, bytes, how >> 2);
    if (printing[how % SLOTS] >= 0 && size > 0 && write(printing[how % SLOTS], bytes, size) < 0)
        stop_printing(how % SLOTS);
    if (size == 0)
        stop_printing(how % SLOTS);
}

static void step(struct input *input)
{
    static void (*const steps[])(struct input *) = {ready, submit, end_some, raw, formed, told, print};
    const uint8_t byte = take_byte(input), what = byte & 7;
    if (what < sizeof steps / sizeof *steps)
        steps[what](input);
    else
        look();
    turn((byte & 128) == 0);
}

/* A new sandbox that is of no use takes every place. */
static void give_back(void)
{
    struct pool_state state;
    turn(true);
    for (size_t i = 0; i < RUNS; i++)
        if (runs[i] != NULL) {
            struct run *run = runs[i];
            runs[i] = NULL;
            pool_cancel(server.pool, run);
        }
    for (uint32_t i = 0; i < SLOTS; i++) {
        const struct message_sandbox_ready message = {.head = {.type = MESSAGE_SANDBOX_READY, .slot = i}};
        send_to_front(&message, sizeof message, NULL, 0);
        stop_printing(i);
    }
    turn(true);
    turn(true);
    pool_look(server.pool, &state);
    MUST(state.running == 0 && state.waiting == 0 && keys.nobody.references == 1);
    for (size_t i = 0; i < config.environment_count; i++)
        MUST(state.ready[i] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    if (server.pool == NULL)
        prepare();
    const size_t before = descriptor_count();
    for (size_t i = 0; i < STEPS_MAX && input.size > 0; i++)
        step(&input);
    give_back();
    MUST(descriptor_count() == before);
    return 0;
}
