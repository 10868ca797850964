"""What `make lab` and `make lab-down` run: the lab of the practice, left running for hands and softphones.

``lab_command.py up`` starts it and says how to use it (a running one is ended first), ``lab_command.py down`` ends it.
"""

import sys

import practice
from asterisk_conf import AMI_PORT, PHONES, SIP_PORT
from lab import REDIS_PORT, TRUNKS, Lab
from lab_containers import sweep
from lab_images import ROOT, LabError, run

NAME = "lab"
FOLDER = ROOT / ".lab" / "lab"

_GUIDE = """\
Asterisk   {asterisk}  SIP {sip_port}/udp, AMI {ami_port} as callgate / {manager}
phones     {first} to {last}, password {password}; the outside line is {prefix}
carrier    {carrier}  {trunks}; it answers every call
           its log, one JSON line an event: {folder}/carrier/carrier.jsonl
Redis      {redis}:{redis_port}
files      {folder}  (config, etc, spool, log, state, carrier)

to call    a softphone on this machine: {asterisk}:{sip_port}, user {first}; dial 00142685300 or 0002250123456615
           or sipp {asterisk}:{sip_port} -sf docker/outbound_call.xml -au {first} -ap {password} -m 1 -s 00142685300
to ask     docker exec {gate} callgate blocked     (or: status, check 0002250123456615, policy history)
to rule    edit {folder}/config/policy.toml, then
           docker exec {gate} callgate policy apply /etc/callgate/policy.toml
Asterisk   docker exec -it {pbx} asterisk -rvvv
to end     make lab-down     (more: docs/lab.md)
"""


def up() -> None:
    """Start the practice's lab and print everything a person needs to use it."""
    lab = practice.lab(NAME, FOLDER)
    lab.start()
    print(guide(lab), end="")


def guide(lab: Lab) -> str:
    """How to use a running lab."""
    return _GUIDE.format(
        asterisk=lab.asterisk_host,
        sip_port=SIP_PORT,
        ami_port=AMI_PORT,
        manager=lab.secrets.manager,
        first=PHONES[0],
        last=PHONES[-1],
        password=lab.secrets.phones,
        prefix=practice.OUTSIDE_PREFIX,
        carrier=lab.carrier_host,
        trunks=", ".join(f"{name} {port}" for name, port in TRUNKS.items()),
        redis=lab.redis_host,
        redis_port=REDIS_PORT,
        folder=lab.folder,
        gate=_container(lab, "/var/lib/callgate"),
        pbx=_container(lab, "/etc/asterisk"),
    )


def down() -> None:
    """End it.

    Raises:
        LabError: if no Docker daemon answers.
    """
    run("docker", "info")
    sweep(NAME)


def main(words: list[str]) -> int:
    """Run `up` or `down`; return the exit code."""
    commands = {"up": up, "down": down}
    command = commands.get(" ".join(words))
    if command is None:
        print(__doc__)
        return 2
    try:
        command()
    except LabError as error:
        print(f"callgate: {error}", file=sys.stderr)
        return 4
    return 0


def _container(lab: Lab, volume: str) -> str:
    """The id of the lab's container that has this folder mounted."""
    return run("docker", "ps", "-q", "-f", f"label=callgate.lab={lab.name}", "-f", f"volume={volume}").strip()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
