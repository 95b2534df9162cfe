import pytest

import service as services


@pytest.fixture(scope="session")
def container(tmp_path_factory):
    """What tools/container.sh has started."""
    return services.Container(services.CONTAINER, tmp_path_factory.mktemp("container"))
