/* openapi_operating.c: see openapi_operating.h. Runs in the front, once. The operations are constant, so they stand here as
 * the JSON that they are, with ' for ". */
#include "front/openapi_operating.h"

#include <assert.h>
#include <string.h>

#define ERROR_CONTENT "'content':{'application/json':{'schema':{'$ref':'#/components/schemas/Error'}}}"
#define TEXT_CONTENT(type) "'content':{'" type "':{'schema':{'type':'string'}}}"
#define STATUS_CONTENT(word)                                                                                        \
    "'content':{'application/json':{'schema':{'type':'object','required':['status'],'properties':{"                 \
    "'status':{'type':'string','const':'" word "'}}}}}"

static const char PATHS[] =
    "{'/runs/{id}':{'delete':{'summary':'Cancel','operationId':'cancel_runs__id__delete',"
    "'description':'Ends a run that waits or runs; its own request answers with `status` `cancelled`.',"
    "'parameters':[{'name':'id','in':'path','required':true,'description':'As in `started`, or the X-Request-Id that "
    "the run was sent with.','schema':{'type':'string'}}],'responses':{"
    "'200':{'description':'The run was told to end.','content':{'application/json':{'schema':{'type':'object',"
    "'required':['id','status'],'properties':{'id':{'type':'string'},'status':{'type':'string','const':'cancelled'}}}}}},"
    "'404':{'description':'No run of this id waits or runs.'," ERROR_CONTENT "}}}},"
    "'/ready':{'get':{'summary':'Ready','operationId':'ready_ready_get',"
    "'description':'Whether a run would start now, without waiting.','responses':{"
    "'200':{'description':'It would.'," STATUS_CONTENT("ready") "},"
    "'503':{'description':'It would wait; `detail` says why.'," ERROR_CONTENT "}}}},"
    "'/metrics':{'get':{'summary':'Metrics','operationId':'metrics_metrics_get',"
    "'description':'What the service counts, as Prometheus reads it.','responses':{"
    "'200':{'description':'The metrics.'," TEXT_CONTENT("text/plain") "}}}}}";

/* What every operation may answer, and those that need a key. */
static const char EVERY[] =
    "{'403':{'description':'A page of another origin sent the request.'," ERROR_CONTENT "},"
    "'421':{'description':'The Host header names another service.'," ERROR_CONTENT "}}";
static const char KEYED[] =
    "{'401':{'description':'No key, or an unknown one.','headers':{'WWW-Authenticate':{'schema':{'type':'string'}}}," ERROR_CONTENT "},"
    "'503':{'description':'The keys are not read yet.','headers':{'Retry-After':{'schema':{'type':'integer'}}}," ERROR_CONTENT "}}";
static const char *const without_key[] = {"/health", "/ready"};
static const char NO_SECURITY[] = "[]", SECURITY[] = "[{'key':[]}]";
static const char SCHEMES[] = "{'key':{'type':'http','scheme':'bearer','description':'One of the service\u2019s keys.'}}";

static json_t *parse(const char *text)
{
    char json[sizeof PATHS];
    size_t size = strlen(text);

    assert(size < sizeof json);
    for (size_t i = 0; i <= size; i++)
        json[i] = text[i] == '\'' ? '"' : text[i];
    json_t *value = json_loads(json, 0, NULL);
    assert(value != NULL);
    return value;
}

static bool needs_key(const char *path)
{
    for (size_t i = 0; i < sizeof without_key / sizeof *without_key; i++)
        if (strcmp(path, without_key[i]) == 0)
            return false;
    return true;
}

/* What is common to all operations of a path. */
static void complete(json_t *path, bool keyed)
{
    const char *method;
    json_t *operation;
    json_object_foreach(path, method, operation)
    {
        json_t *responses = json_object_get(operation, "responses"), *every = parse(EVERY), *more = keyed ? parse(KEYED) : NULL;
        json_object_update_missing(responses, every);
        if (keyed)
            json_object_update_missing(responses, more);
        json_object_set_new(operation, "security", parse(keyed ? SECURITY : NO_SECURITY));
        json_decref(every);
        json_decref(more);
    }
}

void openapi_operating(json_t *document, bool keys)
{
    json_t *all = json_object_get(document, "paths"), *paths = parse(PATHS), *path;
    const char *name;

    json_object_update(all, paths);
    json_decref(paths);
    json_object_foreach(all, name, path)
        complete(path, keys && needs_key(name));
    if (keys)
        json_object_set_new(json_object_get(document, "components"), "securitySchemes", parse(SCHEMES));
}
