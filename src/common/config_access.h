/* config_access.h: what the settings say about who may use the service, checked. */
#pragma once

#include "common/config.h"

/* allowed-hosts and cors-origins: names are names, origins are origins. 0, or -1 with `err`. */
int config_check_access(const struct config *config, struct error *err);

/* That nobody can run code only because a port can be reached: without keys the address is this machine's own. */
int config_check_exposure(const struct config *config, struct error *err);
