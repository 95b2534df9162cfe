"""packaging/kubernetes: what the published schemas say, and whether it speaks of things that the service has."""

import json

import kubernetes_validate
import pytest
import yaml

from service import REPOSITORY, wait_for

FOLDER = REPOSITORY / "packaging/kubernetes"
MANIFESTS = [(path.name, manifest) for path in sorted(FOLDER.glob("*.yaml")) for manifest in yaml.safe_load_all(path.read_text())]
VERSIONS = ["1.30", "1.37"]  # appArmorProfile is a field from 1.30 on


def test_there_are_some():
    assert [manifest["kind"] for _, manifest in MANIFESTS].count("Deployment") == 1


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "manifest"), MANIFESTS, ids=[f"{name}-{m['kind']}" for name, m in MANIFESTS])
def test_schema(name, manifest, version):
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_wrong_field_is_found():
    wrong = json.loads(json.dumps(deployment()))
    container(wrong)["securityContext"]["readOnlyRoot"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def deployment():
    return next(manifest for _, manifest in MANIFESTS if manifest["kind"] == "Deployment")


def container(manifest):
    return manifest["spec"]["template"]["spec"]["containers"][0]


def test_rights_are_those_of_the_compose_file():
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]["hatchery"]
    context = container(deployment())["securityContext"]
    assert (context["capabilities"]["drop"], context["capabilities"]["add"]) == (compose["cap_drop"], compose["cap_add"])
    assert context["readOnlyRootFilesystem"] is compose["read_only"] and context["allowPrivilegeEscalation"] is False


def test_probes_and_metric_exist(service):
    inside = container(deployment())
    for probe in ("readinessProbe", "livenessProbe"):
        path = inside[probe]["httpGet"]["path"]
        wait_for(lambda: service.client.get(path).status_code == 200, 10, path)
    metrics = {metric["pods"]["metric"]["name"] for _, m in MANIFESTS for metric in m["spec"].get("metrics", []) if "pods" in metric}
    assert metrics == {"hatchery_runs_waiting"}
    assert "\nhatchery_runs_waiting " in service.client.get("/metrics").text


def test_settings_exist(make_service):
    settings = {e["name"].removeprefix("HATCHERY_").lower(): e["value"] for e in container(deployment())["env"]}
    assert settings
    make_service(**settings).canary()
