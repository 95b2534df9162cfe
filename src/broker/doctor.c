/* doctor.c: `hatchery doctor`: the layers as a table or as JSON. */
#include "broker/doctor.h"
#include "broker/inner_root.h"
#include "broker/layers.h"

static void print_table(const struct layer *layers, FILE *out)
{
    for (size_t i = 0; i < LAYER_COUNT; i++) {
        const struct layer *layer = &layers[i];
        fprintf(out, "%-13s %-9s %s\n", layer->name, layer->enforced ? "enforced" : "missing", layer->detail);
        if (!layer->enforced)
            fprintf(out, "%-13s %-9s %s: %s\n", "", "", layer->required ? "to get it" : "would be better", layer->remedy);
    }
}

static void print_json(const struct layer *layers, bool complete, FILE *out)
{
    fputs("{\"layers\":[", out);
    for (size_t i = 0; i < LAYER_COUNT; i++) {
        if (i > 0)
            fputc(',', out);
        layer_print_json(&layers[i], out);
    }
    fprintf(out, "],\"complete\":%s}\n", complete ? "true" : "false");
}

int doctor_report(const struct config *config, bool json, FILE *out)
{
    struct layer layers[LAYER_COUNT];
    struct error err;
    bool complete = true;

    if (inner_root(config, &err) != 0) /* what it could not get shows below, too */
        fprintf(stderr, "hatchery doctor: %s\n", err.text);
    layers_try(config, layers);
    for (size_t i = 0; i < LAYER_COUNT; i++)
        complete = complete && (layers[i].enforced || !layers[i].required);
    if (json) {
        print_json(layers, complete, out);
    } else {
        print_table(layers, out);
        fprintf(out, "\n%s\n", complete ? "Every required layer can be enforced here." : "The service would not start here.");
    }
    return complete ? 0 : 1;
}
