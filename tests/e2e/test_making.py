"""How sandboxes are made again and again: what the makers keep, and what a run's end leaves for the next one."""

import audit
from service import wait_for


def test_a_zygote_keeps_no_descriptor_of_a_slot(make_service):
    """Each fork copies what it holds: that must not grow with the number of slots."""
    service = make_service(pool=8)
    service.canary()
    (zygote,) = service.role_pids()["zygote"]
    wait_for(lambda: len(audit.in_use(audit.sandboxes_below(service.process.pid))) >= 8, 20, "a full pool")
    wait_for(lambda: len(audit.descriptors(zygote)) <= 6, 5, "the zygote's descriptors to be few")
