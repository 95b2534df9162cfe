/* supervisor.c: see supervisor.h. One thread, one poll. Runs as root; trusts whoever started it and its brokers.
 *
 * SIGHUP and `hatchery reload` mean: by the settings as they are now. Where only keys may have changed, the broker reads its
 * keys; otherwise the next generation starts, from the binary at our path, and takes over when it is ready. SIGUSR2 means the
 * latter in any case. Where the binary is another one than ours, it becomes this process, too, once it has shown that it works. */
#include "supervisor/supervisor.h"

#include "broker/broker.h"
#include "broker/container_init.h"
#include "broker/inner_root.h"
#include "broker/process.h"
#include "broker/seat.h"
#include "common/clock.h"
#include "common/config_access.h"
#include "common/log.h"
#include "supervisor/control.h"
#include "supervisor/handover.h"
#include "supervisor/listener.h"
#include "supervisor/manager.h"
#include "supervisor/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ULL
#define START_NS (120 * SECOND_NS)     /* until a generation is ready */
#define STOP_SLACK_NS (7 * SECOND_NS) /* what a broker may take beyond drain-timeout */
#define LEAVE_NS (2 * SECOND_NS)       /* until a front has closed the listening socket */
#define LIVED_NS SECOND_NS /* one that died earlier is not started again at once */
#define BACKOFF_MIN_NS 20000000ULL
#define BACKOFF_MAX_NS (5 * SECOND_NS)
/* The ids of one generation: of the front, the makers, and two for each slot of each environment. */
enum { GENERATION_IDS = 65600, GENERATION_IDS_INNER = INNER_ROOT_IDS / GENERATIONS_MAX };

/* --- answers to who asked for a reload ------------------------------------------------------------------------------- */

static void answer(struct supervisor *s, bool ok, const char *text)
{
    for (int i = 0; i < s->answerable; i++)
        control_answer(s->askers[i], ok, text);
    s->asker_count -= s->answerable;
    memmove(s->askers, s->askers + s->answerable, (size_t)s->asker_count * sizeof s->askers[0]);
    s->answerable = 0;
    if (s->served)
        manager_tell("READY=1");
}

static void refuse(struct supervisor *s, const char *why)
{
    log_event(LOG_ERROR, "reload.failed", LOG_S("reason", why), LOG_S("now", "the service goes on as it was"));
    answer(s, false, why);
}

/* --- starting a generation ------------------------------------------------------------------------------------------- */

static struct generation *free_place(struct supervisor *s)
{
    for (unsigned i = 1; i <= GENERATIONS_MAX; i++) { /* not at once the last one's, whose processes may be dying */
        struct generation *place = &s->generations[(s->serial + i - 1) % GENERATIONS_MAX];
        if (place->pid == 0)
            return place;
    }
    return NULL;
}

/* By `settings`. NULL with `err`. */
static struct generation *start(struct supervisor *s, const char *path, int settings, struct error *err)
{
    struct generation *place = free_place(s);
    if (place == NULL) {
        error_set(err, 0, "%d generations still finish what they accepted", GENERATIONS_MAX);
        return NULL;
    }
    const int64_t index = place - s->generations;
    struct seat seat = {.listen = s->listen,
                        .settings = settings,
                        .first_uid = s->first_uid + index * (s->inner ? GENERATION_IDS_INNER : GENERATION_IDS),
                        .restarts = s->restarts,
                        .proc_masked = s->proc_masked,
                        .holds = s->current != NULL};
    if (generation_start(place, path, s->what->argv, &seat, err) != 0)
        return NULL;
    place->serial = ++s->serial;
    place->since = now_ns();
    return place;
}

/* As it was, without a look at files that may be broken by now. */
static void start_again(struct supervisor *s)
{
    struct error err;
    s->retry_at = 0;
    s->next = start(s, "/proc/self/exe", s->settings, &err);
    if (s->next != NULL)
        return;
    log_event(LOG_ERROR, "broker.failed", LOG_S("reason", err.text));
    s->retry_at = now_ns() + BACKOFF_MAX_NS;
}

/* --- reloading ------------------------------------------------------------------------------------------------------- */

static bool binary_is_another(const struct supervisor *s)
{
    struct stat ours, there;
    return stat("/proc/self/exe", &ours) == 0 && stat(s->path, &there) == 0 && (ours.st_dev != there.st_dev || ours.st_ino != there.st_ino);
}

static void tell_change(void *data, const char *name, const char *before, const char *after)
{
    log_event(LOG_INFO, "settings.changed", LOG_S("name", name), LOG_S("was", before), LOG_S("is", after));
}

/* Keeps what only a restart can change as it is. */
static int keep(char **fresh, const char *name, const char *in_force, struct error *err)
{
    if (strcmp(*fresh, in_force) == 0)
        return 0;
    log_event(LOG_WARN, "settings.needs_restart", LOG_S("name", name), LOG_S("in_force", in_force), LOG_S("file", *fresh));
    char *copy = strdup(in_force);
    if (copy == NULL)
        return error_set(err, errno, "%s", name);
    free(*fresh);
    *fresh = copy;
    return 0;
}

/* Reads them into s->fresh. 0, or -1 with `err`. */
static int read_settings(struct supervisor *s, struct error *err)
{
    struct config fresh = {0};
    int fd = -1;
    if (s->what->load(s->what->data, &fresh, err) == 0 && keep(&fresh.listen, "listen", s->config->listen, err) == 0) {
        if (fresh.first_uid != s->config->first_uid)
            log_event(LOG_WARN, "settings.needs_restart", LOG_S("name", "first-uid"), LOG_I("in_force", s->config->first_uid), LOG_I("file", fresh.first_uid));
        fresh.first_uid = s->config->first_uid;
        fd = config_to_memory(&fresh);
        if (fd < 0)
            error_set(err, errno, "settings");
    }
    if (fd < 0) {
        config_free(&fresh);
        return -1;
    }
    s->fresh = fresh;
    s->fresh_settings = fd;
    return 0;
}

static void drop_fresh(struct supervisor *s)
{
    if (s->fresh_settings < 0)
        return;
    config_free(&s->fresh);
    close(s->fresh_settings);
    s->fresh_settings = -1;
}

static bool same_bytes(int one, int other)
{
    char a[4096], b[sizeof a];
    off_t at = 0;
    ssize_t n, m;
    do {
        n = pread(one, a, sizeof a, at);
        m = pread(other, b, sizeof b, at);
        if (n < 0 || n != m || memcmp(a, b, (size_t)n) != 0)
            return false;
        at += n;
    } while (n > 0);
    return true;
}

static void tell_reloading(void)
{
    char text[80];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(now_ns() / 1000));
    manager_tell(text);
}

/* Asks for a reload of the keys where nothing else has changed. */
static bool only_keys(struct supervisor *s)
{
    if (s->wants_binary || s->new_binary || s->current == NULL || !same_bytes(s->settings, s->fresh_settings))
        return false;
    drop_fresh(s);
    if (s->config->keys_file[0] == '\0') {
        log_event(LOG_INFO, "settings.unchanged", LOG_I("generation", s->current->serial));
        answer(s, true, "the settings have not changed");
    } else {
        s->keys_asked = true;
        seat_say(s->current->control, "keys");
    }
    return true;
}

static void reload(struct supervisor *s)
{
    struct error err;
    s->wanted = s->waits = false;
    s->answerable = s->asker_count;
    s->new_binary = binary_is_another(s);
    tell_reloading();
    /* Another binary reads the settings itself: it may know more of them. */
    if (s->new_binary)
        s->fresh_settings = memfd_create("settings", MFD_CLOEXEC);
    else if (read_settings(s, &err) != 0) {
        refuse(s, err.text);
        return;
    }
    if (only_keys(s))
        return;
    s->wants_binary = false;
    if (!s->new_binary)
        config_compare(s->config, &s->fresh, tell_change, NULL);
    s->next = start(s, s->path, s->fresh_settings, &err);
    s->reloading = s->next != NULL;
    if (s->next != NULL) {
        log_event(LOG_INFO, "reload.begins", LOG_I("generation", s->next->serial), LOG_S("binary", s->new_binary ? "another one" : "the same"));
        return;
    }
    drop_fresh(s);
    refuse(s, err.text);
}

/* --- what generations do ----------------------------------------------------------------------------------------------- */

/* What is in force from now on. */
static void adopt_settings(struct supervisor *s)
{
    if (s->fresh_settings < 0)
        return;
    if (s->fresh.environment_count > 0) {
        config_free(s->config);
        *s->config = s->fresh;
        s->fresh = (struct config){0};
    }
    close(s->settings);
    s->settings = s->fresh_settings;
    s->fresh_settings = -1;
}

/* Whoever connects from now on meets the generation that serves. */
static void took_over(struct supervisor *s)
{
    char text[80];
    s->leaving = NULL;
    snprintf(text, sizeof text, "generation %u serves", s->serial);
    answer(s, true, text);
}

static void became_ready(struct supervisor *s, struct generation *g)
{
    struct generation *before = s->current;
    s->current = g;
    s->next = NULL;
    s->served = true;
    adopt_settings(s);
    log_event(LOG_INFO, "generation.serves", LOG_I("generation", g->serial), LOG_I("pid", g->pid), LOG_T("took", (double)(now_ns() - g->since) / 1e9));
    s->replaces = s->reloading && s->new_binary && g->version == SEAT_VERSION;
    s->reloading = false;
    if (before == NULL) {
        took_over(s);
        return;
    }
    s->leaving = before;
    s->leaving_by = now_ns() + LEAVE_NS;
    seat_say(before->control, "retire");
}

static void heard(struct supervisor *s, struct generation *g, const char *line)
{
    watchdog_heard(&g->watchdog);
    if (g == s->next && sscanf(line, "ready %u", &g->version) == 1) {
        g->ready = true;
        g->pongs = strstr(line, " pongs") != NULL;
        became_ready(s, g);
    } else if (strncmp(line, "failed ", 7) == 0) {
        snprintf(g->failure, sizeof g->failure, "%s", line + 7);
    } else if (g == s->leaving && strcmp(line, "retired") == 0) {
        took_over(s);
    } else if (g == s->current && s->keys_asked && strncmp(line, "keys ", 5) == 0) {
        s->keys_asked = false;
        if (strcmp(line, "keys ok") == 0)
            answer(s, true, "the keys were read again");
        else
            answer(s, false, line + 5 + strlen("failed "));
    }
}

static void hear(struct supervisor *s, struct generation *g)
{
    char line[SEAT_LINE_MAX];
    while (g->pid != 0 && seat_hear(g->control, line) > 0)
        heard(s, g, line);
}

static void next_ended(struct supervisor *s, const char *why, struct error *err)
{
    s->next = NULL;
    drop_fresh(s);
    if (!s->served && !s->stopping) {
        error_set(err, 0, "%s", why);
        s->status = -1;
        s->stopping = true;
    } else if (s->reloading) {
        s->reloading = false;
        refuse(s, why);
    } else if (!s->stopping) {
        log_event(LOG_ERROR, "broker.failed", LOG_S("reason", why));
    }
}

static void current_ended(struct supervisor *s, const char *why, bool lived)
{
    s->current = NULL;
    if (s->stopping)
        return;
    s->restarts++;
    if (lived)
        s->backoff = 0;
    log_event(LOG_ERROR, "broker.lost", LOG_S("why", why));
    if (s->keys_asked) {
        s->keys_asked = false;
        answer(s, false, "the broker has ended");
    }
}

static void ended(struct supervisor *s, struct generation *g, int wait_status, struct error *err)
{
    char why[ERROR_TEXT_MAX];
    hear(s, g);
    int n = snprintf(why, sizeof why, "%s", g->failure);
    if (n == 0) {
        n = snprintf(why, sizeof why, "the broker ");
        process_describe(wait_status, why + n, sizeof why - (size_t)n);
    }
    const bool was_current = g == s->current, was_next = g == s->next, lived = now_ns() - g->since > LIVED_NS;
    const unsigned serial = g->serial;
    if (g == s->leaving)
        took_over(s);
    generation_clear(g);
    if (was_next)
        next_ended(s, why, err);
    else if (was_current)
        current_ended(s, why, lived);
    else
        log_event(LOG_INFO, "generation.ended", LOG_I("generation", serial));
    if (s->stopping && was_current && s->status == 0)
        s->status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 1;
    if (s->current == NULL && s->next == NULL && !s->stopping) {
        s->backoff = s->backoff == 0 ? BACKOFF_MIN_NS : s->backoff * 2;
        if (s->backoff > BACKOFF_MAX_NS)
            s->backoff = BACKOFF_MAX_NS;
        s->retry_at = now_ns() + (s->backoff > BACKOFF_MIN_NS ? s->backoff : 0) + 1;
    }
}

static void reap(struct supervisor *s, struct error *err)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (int i = 0; i < GENERATIONS_MAX; i++)
            if (s->generations[i].pid == pid)
                ended(s, &s->generations[i], status, err);
}

/* --- the loop ---------------------------------------------------------------------------------------------------------- */

static void signal_all(const struct supervisor *s, int number)
{
    for (int i = 0; i < GENERATIONS_MAX; i++)
        if (s->generations[i].pid != 0)
            kill(s->generations[i].pid, number);
}

static void stop(struct supervisor *s)
{
    if (!s->stopping) {
        manager_tell("STOPPING=1");
        log_event(LOG_INFO, "service.stopping", LOG_I("pid", getpid()));
        s->stop_at = now_ns() + (uint64_t)(s->config->drain_timeout * 1e9) + STOP_SLACK_NS;
    }
    s->stopping = true;
    signal_all(s, SIGTERM); /* a second time ends them at once */
}

static void signals_readable(struct supervisor *s, struct error *err)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            stop(s);
        else if (info.ssi_signo == SIGHUP || info.ssi_signo == SIGUSR2)
            s->wanted = true;
        if (info.ssi_signo == SIGUSR2)
            s->wants_binary = true;
    }
    reap(s, err);
}

static void control_readable(struct supervisor *s)
{
    bool binary = false;
    int fd = control_accept(s->control, &binary);
    if (fd < 0)
        return;
    if (s->asker_count == ASKERS_MAX || s->stopping) {
        control_answer(fd, false, s->stopping ? "the service is stopping" : "too many ask at once");
        return;
    }
    s->askers[s->asker_count++] = fd;
    s->wanted = true;
    s->wants_binary = s->wants_binary || binary;
}

/* Does what is due, and returns when something is next; 0: nothing is. */
static uint64_t act(struct supervisor *s)
{
    const uint64_t now = now_ns();
    if (s->stopping) {
        if (s->stop_at != 0 && s->stop_at <= now)
            signal_all(s, SIGKILL);
        return s->stop_at > now ? s->stop_at : 0;
    }
    if (s->next != NULL && s->next->since + START_NS <= now) {
        snprintf(s->next->failure, sizeof s->next->failure, "it was not ready within %llu s", START_NS / SECOND_NS);
        kill(s->next->pid, SIGKILL);
        return 0;
    }
    if (s->leaving != NULL && s->leaving_by <= now)
        took_over(s);
    if (s->next == NULL && s->current == NULL && s->retry_at != 0 && s->retry_at <= now)
        start_again(s);
    if (s->wanted && s->next == NULL && s->leaving == NULL && !s->keys_asked && s->current != NULL) {
        if (free_place(s) != NULL)
            reload(s);
        else if (!s->waits)
            log_event(LOG_WARN, "reload.waits", LOG_I("generations", GENERATIONS_MAX), LOG_S("reason", "they still finish what they accepted"));
        s->waits = s->wanted;
    }
    if (s->replaces && !s->wanted && s->next == NULL && s->leaving == NULL && s->current != NULL && !s->keys_asked) {
        s->replaces = false;
        hand_over(s);
    }
    return s->next != NULL ? s->next->since + START_NS : s->leaving != NULL ? s->leaving_by : s->current == NULL ? s->retry_at : 0;
}

static bool any_left(const struct supervisor *s)
{
    for (int i = 0; i < GENERATIONS_MAX; i++)
        if (s->generations[i].pid != 0)
            return true;
    return false;
}

static void loop(struct supervisor *s, struct error *err)
{
    while (!s->stopping || any_left(s)) {
        struct pollfd fds[2 + GENERATIONS_MAX];
        const uint64_t watch_at = watch(s, now_ns()), due = act(s), next = due == 0 || watch_at < due ? watch_at : due, now = now_ns();
        fds[0] = (struct pollfd){.fd = s->signals, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = s->control, .events = POLLIN}; /* -1 is skipped */
        for (int i = 0; i < GENERATIONS_MAX; i++)
            fds[2 + i] = (struct pollfd){.fd = s->generations[i].pid != 0 ? s->generations[i].control : -1, .events = POLLIN};
        const uint64_t wait_ms = next > now ? (next - now) / 1000000 + 1 : 0;
        if (poll(fds, 2 + GENERATIONS_MAX, (int)wait_ms) < 0 && errno != EINTR)
            break;
        for (int i = 0; i < GENERATIONS_MAX; i++)
            if (fds[2 + i].fd >= 0 && (fds[2 + i].revents & POLLIN) != 0)
                hear(s, &s->generations[i]);
        if ((fds[0].revents & POLLIN) != 0)
            signals_readable(s, err);
        if ((fds[1].revents & POLLIN) != 0)
            control_readable(s);
    }
}

/* --- start ------------------------------------------------------------------------------------------------------------- */

static int find_path(struct supervisor *s, struct error *err)
{
    static const char deleted[] = " (deleted)";
    ssize_t n = readlink("/proc/self/exe", s->path, sizeof s->path - 1);
    if (n < 0)
        return error_set(err, errno, "/proc/self/exe");
    s->path[n] = '\0';
    if ((size_t)n > sizeof deleted && strcmp(s->path + n - (sizeof deleted - 1), deleted) == 0)
        s->path[(size_t)n - (sizeof deleted - 1)] = '\0'; /* replaced since it was started */
    return 0;
}

static int watch_signals(struct supervisor *s, struct error *err)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaddset(&set, numbers[i]);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signals >= 0 ? 0 : error_set(err, errno, "signalfd");
}

/* The first of its kind: everything that is done once. */
static int begin(struct supervisor *s, struct error *err)
{
    struct error why;
    const int given = manager_adopt(err);
    if (given < -1 || (given == -1 && config_check_exposure(s->config, err) != 0))
        return -1;
    s->given = given >= 0;
    s->listen = given == -1 ? listener_open(s->config->listen, err) : given;
    if (s->listen < 0)
        return -1;
    s->inner = inner_root_is_needed(s->config);
    if (inner_root(s->config, err) != 0)
        return -1;
    if (geteuid() != 0)
        return error_set(err, 0, BROKER_NEEDS_ROOT);
    s->proc_masked = inner_root_proc_is_masked();
    s->first_uid = s->config->first_uid;
    s->settings = config_to_memory(s->config);
    if (s->settings < 0)
        return error_set(err, errno, "settings");
    s->control = control_open(s->config->listen, &why);
    if (s->control < 0)
        log_event(LOG_WARN, "control.failed", LOG_S("reason", why.text), LOG_S("instead_of_hatchery_reload", "SIGHUP, SIGUSR2"));
    log_event(LOG_INFO, "service.starting", LOG_S("listen", s->given ? "the service manager's socket" : s->config->listen), LOG_S("version", HATCHERY_VERSION));
    s->next = start(s, "/proc/self/exe", s->settings, err);
    return s->next != NULL ? 0 : -1;
}

int supervise(const struct supervised *what, struct config *config, struct error *err)
{
    static struct supervisor supervisor;
    struct supervisor *s = &supervisor;
    *s = (struct supervisor){.what = what, .config = config, .listen = -1, .control = -1, .settings = -1, .fresh_settings = -1};
    for (int i = 0; i < GENERATIONS_MAX; i++)
        s->generations[i].control = -1;
    const bool successor = supervisor_is_successor();
    if (!successor && container_init(err) != 0)
        return -1;
    prctl(PR_SET_NAME, "hatchery");
    if (find_path(s, err) != 0 || watch_signals(s, err) != 0)
        return -1;
    if (!successor && begin(s, err) != 0)
        return -1;
    if (successor) {
        manager_adopt(err);
        take_over(s);
        reap(s, err);
    }
    loop(s, err);
    close(s->settings);
    if (s->status >= 0)
        log_event(LOG_INFO, "service.stopped", LOG_I("status", s->status));
    return s->status;
}
