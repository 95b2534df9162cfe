/* client.c: the broker's side of the channel to whoever asks for runs: the front, or the runner of `hatchery run`.
 * A client that breaks the protocol, or dies, is ended and started anew; its runs end with it. */
#include "broker/core.h"
#include "broker/process.h"
#include "broker/seat.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESTART_DELAY_NS 20000000ULL
#define RESTART_DELAY_MAX_NS 200000000ULL /* for one that dies at once, again and again */
#define LIVED_NS 1000000000ULL
enum { CLIENT_END_WAIT_MS = 50 };

static void watch_output(struct broker *broker, bool wanted)
{
    if (broker->client_blocked == wanted)
        return;
    broker->client_blocked = wanted;
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.u64 = (uint64_t)WATCH_CLIENT << 56};
    epoll_ctl(broker->epoll, EPOLL_CTL_MOD, broker->client_channel, &event);
}

/* Sends one message; true when it is gone (or the client is). */
static bool send_one(struct broker *broker, const void *message, size_t size, const int *fds, int count)
{
    if (channel_send(broker->client_channel, message, size, fds, count) == 0)
        return true;
    if (errno == EAGAIN)
        watch_output(broker, true);
    else
        client_gone(broker);
    return false;
}

static bool flush_slot(struct broker *broker, struct slot *slot)
{
    struct message_head head = {.slot = slot->index, .generation = slot->generation};
    if (slot->verdict_unsent) {
        if (!send_one(broker, &slot->verdict, sizeof slot->verdict, NULL, 0))
            return false;
        slot->verdict_unsent = false;
    }
    if (slot->gone != 0) { /* before its place is told to be ready again */
        const struct message_sandbox_gone gone = {.head = {.type = MESSAGE_SANDBOX_GONE, .slot = slot->index, .generation = slot->gone}};
        if (!send_one(broker, &gone, sizeof gone, NULL, 0))
            return false;
        slot->gone = 0;
    }
    if (slot->ready_unsent && slot->state == SLOT_READY) {
        struct message_sandbox_ready ready = {
            .head = head, .setup_ns = slot->setup_ns, .environment = slot->environment->index, .needs = slot->needs, .has = slot->has};
        const int fds[4] = {slot->job, slot->out, slot->err, slot->report};
        ready.head.type = MESSAGE_SANDBOX_READY;
        if (!send_one(broker, &ready, sizeof ready, fds, 4))
            return false;
        slot->ready_unsent = false;
        close(slot->job);
        close(slot->out);
        close(slot->err);
        close(slot->report);
        slot->job = slot->out = slot->err = slot->report = -1;
    }
    if (slot->unwanted_unsent && slot->state == SLOT_READY) {
        struct message_sandbox_unwanted unwanted = {.head = head};
        unwanted.head.type = MESSAGE_SANDBOX_UNWANTED;
        if (!send_one(broker, &unwanted, sizeof unwanted, NULL, 0))
            return false;
        slot->unwanted_unsent = false;
    }
    if (slot->prepared_unsent && slot->state == SLOT_READY) {
        struct message_run_prepared prepared = {.head = head};
        prepared.head.type = MESSAGE_RUN_PREPARED;
        if (!send_one(broker, &prepared, sizeof prepared, &slot->collector_client, slot->collects))
            return false;
        slot->prepared_unsent = false;
        if (slot->collector_client >= 0)
            close(slot->collector_client);
        slot->collector_client = -1;
    }
    return true;
}

static bool flush_environment(struct broker *broker, struct environment *env)
{
    struct message_environment state = {.head = {.type = MESSAGE_ENVIRONMENT, .slot = env->index}, .warm = env->warm};
    if (!env->state_unsent)
        return true;
    memcpy(state.python, env->python, sizeof state.python);
    if (!send_one(broker, &state, sizeof state, &env->inventory, env->inventory >= 0))
        return false;
    env->state_unsent = false;
    return true;
}

static bool flush_learned(struct broker *broker, struct environment *env)
{
    struct message_learned learned = {.head = {.type = MESSAGE_LEARNED, .slot = env->index}};
    if (!env->growth.unsent)
        return true;
    for (uint32_t set = 1; set <= SETS_MAX; set++)
        if (set_is_warm(env, set)) {
            learned.count++;
            learned.needs[set - 1] = env->sets[set].needs;
            learned.has[set - 1] = env->sets[set].has;
            learned.bytes[set - 1] = env->sets[set].bytes;
            learned.import_ns[set - 1] = env->sets[set].import_ns;
        }
    if (!send_one(broker, &learned, sizeof learned, NULL, 0))
        return false;
    env->growth.unsent = false;
    return true;
}

static bool flush_keys(struct broker *broker)
{
    struct message_keys keys = {.head = {.type = MESSAGE_KEYS}};
    struct stat state;
    if (!broker->keys_unsent)
        return true;
    if (fstat(broker->keys, &state) == 0)
        keys.size = (uint64_t)state.st_size;
    if (!send_one(broker, &keys, sizeof keys, &broker->keys, 1))
        return false;
    broker->keys_unsent = false;
    return true;
}

static bool flush_stats(struct broker *broker)
{
    struct message_stats stats;
    if (!broker->stats_unsent)
        return true;
    broker_stats(broker, &stats);
    if (!send_one(broker, &stats, sizeof stats, NULL, 0))
        return false;
    broker->stats_unsent = false;
    return true;
}

static bool flush_ping(struct broker *broker)
{
    const struct message_ping ping = {.head = {.type = MESSAGE_PING}};
    if (broker->ping_unsent && !send_one(broker, &ping, sizeof ping, NULL, 0))
        return false;
    broker->ping_unsent = false;
    return true;
}

static bool flush_mode(struct broker *broker)
{
    const struct message_front_mode mode = {.head = {.type = MESSAGE_FRONT_MODE, .slot = broker->retiring ? FRONT_RETIRES : FRONT_ACCEPTS}};
    if (!broker->mode_unsent || (broker->holds && !broker->told_ready && !broker->retiring))
        return true;
    if (!send_one(broker, &mode, sizeof mode, NULL, 0))
        return false;
    broker->mode_unsent = false;
    return true;
}

void client_flush(struct broker *broker)
{
    if (broker->client_channel < 0 || !flush_keys(broker) || !flush_mode(broker) || !flush_stats(broker) || !flush_ping(broker))
        return;
    for (uint32_t i = 0; i < broker->environment_count; i++)
        if (!flush_environment(broker, &broker->environments[i]) || !flush_learned(broker, &broker->environments[i]))
            return;
    for (uint32_t i = 0; i < broker->slot_count; i++)
        if (!flush_slot(broker, &broker->slots[i]))
            return;
    watch_output(broker, false);
}

void client_readable(struct broker *broker)
{
    struct message message;
    while (broker->client_channel >= 0) {
        int r = channel_receive(broker->client_channel, &message);
        if (r < 0 && errno == EAGAIN)
            return;
        if (r <= 0 || message.fd_count != 0) {
            if (r > 0)
                message_close_fds(&message);
            client_gone(broker);
            return;
        }
        watchdog_heard(&broker->client_watchdog);
        if (message.head.type == MESSAGE_RUN_WAITS && message.head.slot < broker->environment_count) {
            struct environment *env = &broker->environments[message.head.slot];
            supply_run_waits(broker, env, sets_best(env, message.run_waits.modules), message.run_waits.waiting);
        } else if (message.head.type == MESSAGE_RUN_PREPARE) {
            slot_prepare(broker, &message.run_prepare);
        } else if (message.head.type == MESSAGE_RUN_START) {
            slot_start(broker, &message.run_start);
        } else if (message.head.type == MESSAGE_RUN_KILL) {
            slot_kill_run(broker, &message.run_kill);
        } else if (message.head.type == MESSAGE_FRONT_RETIRED && broker->retiring) {
            seat_say(broker->control, "retired");
        } else if (message.head.type == MESSAGE_STATS_ASK) {
            broker->stats_unsent = true;
            client_flush(broker);
        } else if (message.head.type != MESSAGE_PONG) {
            client_gone(broker);
        }
    }
}

void client_stop(struct broker *broker)
{
    if (broker->client_channel >= 0)
        close(broker->client_channel);
    broker->client_channel = -1;
    broker->client_blocked = false;
    process_end(&broker->client, &broker->client_pidfd);
}

void client_gone(struct broker *broker)
{
    char how[64] = "broke the protocol";
    if (broker->client_channel < 0 && broker->client == 0)
        return;
    /* Between the end of its channel and its own lies a moment. */
    struct pollfd ended = {.fd = broker->client_pidfd, .events = POLLIN};
    if (broker->client > 0 && poll(&ended, 1, CLIENT_END_WAIT_MS) == 1) {
        int status = process_describe_ended(broker->client, how, sizeof how);
        broker->exit_status = status >= 0 ? status : 1;
    }
    client_stop(broker);
    for (uint32_t i = 0; i < broker->slot_count; i++) {
        struct slot *slot = &broker->slots[i];
        slot->verdict_unsent = slot->ready_unsent = slot->unwanted_unsent = slot->prepared_unsent = false;
        slot->gone = 0;
        slot_abandon(broker, slot);
    }
    if (broker->stopping)
        return;
    if (broker->listen_fd < 0 || broker->retiring) { /* the runner's end is ours; so is the end of all that was to be finished */
        broker->stopping = true;
        return;
    }
    broker->stats_unsent = broker->ping_unsent = false;
    broker->restarts[ROLE_FRONT]++;
    uint64_t now = now_ns();
    const bool lived = now - broker->client_since > LIVED_NS;
    broker->client_backoff = lived || broker->client_backoff == 0 ? RESTART_DELAY_NS : 2 * broker->client_backoff;
    if (broker->client_backoff > RESTART_DELAY_MAX_NS)
        broker->client_backoff = RESTART_DELAY_MAX_NS;
    broker->client_retry_at = now + broker->client_backoff;
    log_event(LOG_ERROR, "front.lost", LOG_S("why", how));
}

/* What is told of the layers, as the front reads it: a file that only the two of us can see. */
static int isolation_memfd(const char *text)
{
    const size_t size = strlen(text);
    int fd = memfd_create("isolation", 0);
    return fd >= 0 && write(fd, text, size) == (ssize_t)size ? fd : -1;
}

int client_start_front(struct broker *broker, struct error *err)
{
    int channel[2];
    if (channel_pair(channel, SOCK_NONBLOCK) != 0)
        return error_set(err, errno, "socketpair");
    pid_t pid = fork();
    if (pid == 0) {
        char config_fd[16], isolation_fd[16], listen_fd[16], channel_fd[16];
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setsid(); /* a Ctrl-C at the terminal is for the broker: the front still has runs to finish */
        int config = config_to_memory(broker->config), isolation = isolation_memfd(broker->isolation);
        if (config < 0 || isolation < 0 || fcntl(config, F_SETFD, 0) != 0 || fcntl(channel[1], F_SETFD, 0) != 0 || fcntl(broker->listen_fd, F_SETFD, 0) != 0)
            _exit(121);
        snprintf(config_fd, sizeof config_fd, "%d", config);
        snprintf(isolation_fd, sizeof isolation_fd, "%d", isolation);
        snprintf(listen_fd, sizeof listen_fd, "%d", broker->listen_fd);
        snprintf(channel_fd, sizeof channel_fd, "%d", channel[1]);
        execl("/proc/self/exe", "hatchery", "front", "--config-fd", config_fd, "--isolation-fd", isolation_fd, "--listen-fd", listen_fd, "--channel-fd",
              channel_fd, (char *)NULL);
        _exit(121);
    }
    close(channel[1]);
    broker->client = pid > 0 ? pid : 0;
    broker->client_channel = channel[0];
    broker->client_since = now_ns();
    broker->client_watchdog = (struct watchdog){0};
    broker->keys_unsent = broker->keys >= 0;
    broker->mode_unsent = broker->listen_fd >= 0;
    broker->client_retry_at = 0;
    if (pid > 0)
        broker->client_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pid < 0 || broker->client_pidfd < 0 || broker_watch(broker, broker->client_pidfd, EPOLLIN, WATCH_CLIENT_PID, NULL) != 0 ||
        broker_watch(broker, broker->client_channel, EPOLLIN, WATCH_CLIENT, NULL) != 0) {
        error_set(err, errno, "cannot start the front");
        client_stop(broker);
        return -1;
    }
    for (uint32_t i = 0; i < broker->environment_count; i++) {
        broker->environments[i].state_unsent = broker->environments[i].python[0] != '\0';
        broker->environments[i].growth.unsent = true;
    }
    client_flush(broker);
    supply_fill_all(broker);
    return 0;
}
