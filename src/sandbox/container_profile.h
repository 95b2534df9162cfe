/* container_profile.h: the seccomp profile that a container engine applies to the whole service. */
#pragma once

#include <stdio.h>

/* Prints it as the JSON that Docker, Podman, containerd and the kubelet read. `hatchery help seccomp.json`, and the file
 * packaging/docker/seccomp.json, which `make docs` writes. */
void container_profile_print(FILE *out);
