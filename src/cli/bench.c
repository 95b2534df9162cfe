/* bench.c: `hatchery bench`: measures a service that runs, this one or another, over HTTP. `make bench` compares, with this
 * command as its load. Needs no rights. */
#include "cli/commands.h"
#include "cli/load.h"
#include "common/address.h"

#include <stdlib.h>
#include <string.h>

enum { OPTION_CLIENTS, OPTION_SECONDS, OPTION_REST, OPTION_BODY, OPTION_EXPECT, OPTION_HEADER, OPTION_JSON };
enum { URL_MAX = 1024, HEAD_MAX = 4096, BODY_MAX = 64 << 20 };

static const char default_url[] = "http://127.0.0.1:8000/execute";
static const char default_body[] = "{\"code\": \"print('Hello, World!')\"}";
static const char default_expected[] = "Hello, World!";

struct target {
    char address[URL_MAX]; /* HOST:PORT */
    char path[URL_MAX];
};

static int parse_url(const char *url, struct target *target, struct error *err)
{
    static const char scheme[] = "http://";
    const char *host = url + sizeof scheme - 1;
    if (strlen(url) >= URL_MAX - sizeof "/execute" || strncmp(url, scheme, sizeof scheme - 1) != 0 || strcspn(host, "/") == 0 ||
        strpbrk(url, " \r\n") != NULL)
        return error_set(err, 0, "\"%.200s\" is no address; give http://HOST:PORT/PATH, such as %s", url, default_url);
    const size_t size = strcspn(host, "/");
    snprintf(target->address, sizeof target->address, "%.*s%s", (int)size, host, host[size - 1] == ']' || memchr(host, ':', size) == NULL ? ":80" : "");
    snprintf(target->path, sizeof target->path, "%s", host[size] != '\0' ? host + size : "/execute");
    return 0;
}

static int read_number(const char *name, const char *text, double least, double most, double *number, struct error *err)
{
    char *end;
    if (text == NULL)
        return 0;
    *number = strtod(text, &end);
    return *text != '\0' && *end == '\0' && *number >= least && *number <= most
               ? 0
               : error_set(err, 0, "--%s: \"%.64s\" is no number from %.15g to %.15g", name, text, least, most);
}

static int read_plan(const struct options *options, struct load_plan *plan, struct error *err)
{
    double clients = 1;
    plan->seconds = 5;
    if (read_number("clients", options->values[OPTION_CLIENTS], 1, LOAD_CLIENTS_MAX, &clients, err) != 0 ||
        read_number("seconds", options->values[OPTION_SECONDS], 0.01, 86400, &plan->seconds, err) != 0 ||
        read_number("rest", options->values[OPTION_REST], 0, 3600, &plan->rest, err) != 0)
        return -1;
    plan->clients = (size_t)clients;
    if (options->values[OPTION_HEADER] != NULL && strpbrk(options->values[OPTION_HEADER], "\r\n") != NULL)
        return error_set(err, 0, "--header: one line");
    plan->expected = options->values[OPTION_EXPECT];
    if (plan->expected == NULL && options->values[OPTION_BODY] == NULL)
        plan->expected = default_expected;
    return 0;
}

/* The file's contents, after `space` bytes that are the caller's. */
static char *read_body(const char *path, size_t space, size_t *size, struct error *err)
{
    if (path == NULL) {
        *size = sizeof default_body - 1;
        char *copy = malloc(space + sizeof default_body);
        if (copy != NULL)
            memcpy(copy + space, default_body, sizeof default_body);
        else
            error_set(err, errno, "body");
        return copy;
    }
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *bytes = file != NULL ? malloc(space + BODY_MAX + 1) : NULL;
    *size = bytes != NULL ? fread(bytes + space, 1, BODY_MAX + 1, file) : 0;
    if (bytes == NULL || ferror(file) || *size > BODY_MAX) {
        error_set(err, bytes == NULL || ferror(file) ? errno : EFBIG, "cannot read %.200s", path);
        free(bytes);
        bytes = NULL;
    }
    if (file != NULL && file != stdin)
        fclose(file);
    return bytes;
}

/* Head and body in one piece; the caller frees *memory. */
static int make_request(const struct options *options, const struct target *target, struct load_plan *plan, char **memory, struct error *err)
{
    char head[HEAD_MAX];
    size_t body_size;
    const char *header = options->values[OPTION_HEADER];
    *memory = read_body(options->values[OPTION_BODY], HEAD_MAX, &body_size, err);
    if (*memory == NULL)
        return -1;
    const int head_size = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n%s%sContent-Length: %zu\r\n\r\n",
                                   target->path, target->address, header != NULL ? header : "", header != NULL ? "\r\n" : "", body_size);
    if (head_size < 0 || (size_t)head_size >= sizeof head)
        return error_set(err, 0, "--header: too long");
    plan->request = memcpy(*memory + HEAD_MAX - head_size, head, (size_t)head_size);
    plan->request_size = (size_t)head_size + body_size;
    return 0;
}

static void print_json(const struct load_plan *plan, const struct load_result *result)
{
    printf("{\"clients\": %zu, \"seconds\": %.3f, \"runs\": %llu, \"refused\": %llu, \"wrong\": %llu, \"broken\": %llu, "
           "\"per_second\": %.2f, \"p50\": %.7f, \"p90\": %.7f, \"p99\": %.7f, \"max\": %.7f}\n",
           plan->clients, result->seconds, (unsigned long long)result->good, (unsigned long long)result->refused,
           (unsigned long long)result->wrong, (unsigned long long)result->broken, (double)result->good / result->seconds,
           load_quantile(result, 0.5), load_quantile(result, 0.9), load_quantile(result, 0.99), load_quantile(result, 1));
}

static void print_table(const struct target *target, const struct load_plan *plan, const struct load_result *result)
{
    printf("http://%s%s, %zu client%s, %.1f s\n", target->address, target->path, plan->clients, plan->clients == 1 ? "" : "s", result->seconds);
    printf("runs     %llu, %.1f a second\n", (unsigned long long)result->good, (double)result->good / result->seconds);
    printf("latency  p50 %.3f ms, p90 %.3f ms, p99 %.3f ms, max %.3f ms\n", load_quantile(result, 0.5) * 1e3, load_quantile(result, 0.9) * 1e3,
           load_quantile(result, 0.99) * 1e3, load_quantile(result, 1) * 1e3);
    printf("refused  %llu (429 or 503)\nwrong    %llu\nbroken   %llu\n", (unsigned long long)result->refused, (unsigned long long)result->wrong,
           (unsigned long long)result->broken);
}

/* The exit status. */
static int measure(const struct command *self, const struct options *options, const struct target *target, struct load_plan *plan)
{
    struct error err;
    struct load_result result = {0};
    char *memory = NULL;
    struct addrinfo *found = NULL;
    int status = EXIT_STATUS_FAILED;
    if (make_request(options, target, plan, &memory, &err) != 0) {
        status = command_fail(self, EXIT_STATUS_USAGE, &err);
    } else if ((found = address_find(target->address, true, &err)) == NULL) {
        command_fail(self, status, &err);
    } else {
        plan->address = found;
        if (load_run(plan, &result, &err) != 0) {
            error_wrap(&err, "%s", target->address);
            command_fail(self, status, &err);
        } else {
            if (options->values[OPTION_JSON] != NULL)
                print_json(plan, &result);
            else
                print_table(target, plan, &result);
            status = command_finish(self, result.good > 0 && result.wrong + result.broken == 0 ? EXIT_STATUS_OK : EXIT_STATUS_FAILED);
        }
    }
    load_result_free(&result);
    if (found != NULL)
        freeaddrinfo(found);
    free(memory);
    return status;
}

static int bench_main(const struct command *self, int argc, char **argv)
{
    struct options options;
    struct target target;
    struct load_plan plan = {0};
    struct error err;
    int status;

    if (command_begin(self, argc, argv, 1, &options, &status)) {
        if (parse_url(options.operand_count == 1 ? options.operands[0] : default_url, &target, &err) != 0 ||
            read_plan(&options, &plan, &err) != 0)
            status = command_fail(self, EXIT_STATUS_USAGE, &err);
        else
            status = measure(self, &options, &target, &plan);
    }
    options_free(&options);
    return status;
}

const struct command command_bench = {
    .name = "bench",
    .arguments = "[URL]",
    .summary = "measure a running service",
    .text = "Sends one request again and again to a service that runs, this one or any other that takes\n"
            "POST with a JSON body, and prints how many good answers came (200, with the text that\n"
            "is expected), and after how long. URL: http://127.0.0.1:8000/execute, unless given.\n"
            "Exit status 1: there was an answer that is neither good nor a refusal, or none at all.\n"
            "\n"
            "  hatchery bench --clients 8 --seconds 10\n"
            "  hatchery bench --body request.json --expect '\"output\":\"42' http://127.0.0.1:9000/execute\n",
    .options =
        (const struct cli_option[]){
            {"clients", "NUMBER", "clients at the same time; default: 1", OPTION_CLIENTS},
            {"seconds", "SECONDS", "how long requests are sent; default: 5", OPTION_SECONDS},
            {"rest", "SECONDS", "a client's pause between an answer and its next request; default: 0", OPTION_REST},
            {"body", "FILE", "the request's body, - is standard input; default: a hello world", OPTION_BODY},
            {"expect", "TEXT", "what a good answer contains, as it stands in the JSON", OPTION_EXPECT},
            {"header", "LINE", "one header more, such as \"Authorization: Bearer KEY\"", OPTION_HEADER},
            {"json", NULL, "print one JSON object", OPTION_JSON},
            {0},
        },
    .main = bench_main,
};
