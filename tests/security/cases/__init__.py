"""All attacks. The names follow families: ESC escapes, KRN the kernel's surface, NET network, RES resources, LEAK what one run
leaves to another, INFO the host, FORGE forged results."""

from . import escapes, forged, host, kernel, leaks, network, resources

ATTACKS = [attack for module in (escapes, kernel, network, resources, leaks, host, forged) for attack in module.ATTACKS]
