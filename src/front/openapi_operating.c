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

void openapi_operating(json_t *document)
{
    json_t *paths = parse(PATHS);
    json_object_update(json_object_get(document, "paths"), paths);
    json_decref(paths);
}
