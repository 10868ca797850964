"""Twenty-five holes as people make them, each put into a sample configuration that has none."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from callgate.audit.rules import Rule

SAMPLES = Path(__file__).parent / "samples"
CONF = Path(__file__).parents[2] / "asterisk-conf" / "callgate.conf"
LAST_RESORT = CONF.with_name("callgate-last-resort.conf")
END = "<end>"
"""Stands for the end of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """One hole.

    Fields:
        story: what somebody did.
        sample: the configuration it was done to.
        file: the file that was changed.
        old: a text of it, or the end of the file.
        new: what stands there instead.
        rule: what the audit has to say.
        at: a text of the line it has to point at.
        where: the file of that line, if it is another one.
    """

    story: str
    sample: str
    file: str
    old: str
    new: str
    rule: Rule
    at: str
    where: str = ""


def copy_of(sample: str, folder: Path) -> Path:
    """Copy a sample, whole as Asterisk would see it."""
    copied = folder / sample
    shutil.copytree(SAMPLES / sample, copied)
    if sample == "plain":
        shutil.copy(CONF, copied / "callgate.conf")
        with (copied / "extensions.conf").open("a", encoding="utf-8") as file:
            file.write("\n" + LAST_RESORT.read_text(encoding="utf-8"))
    return copied


def plant(seed: Seed, folder: Path) -> Path:
    """Make a copy of the sample with the hole in it."""
    copied = copy_of(seed.sample, folder)
    file = copied / seed.file
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if seed.old == END:
        changed = text + seed.new
    else:
        assert text.count(seed.old) == 1, seed.old
        changed = text.replace(seed.old, seed.new)
    file.write_text(changed, encoding="utf-8")
    return copied


def line_of(seed: Seed, folder: Path) -> int:
    """The line the finding has to point at."""
    lines = (folder / (seed.where or seed.file)).read_text(encoding="utf-8").splitlines()
    found = [number for number, line in enumerate(lines, start=1) if seed.at in line and line[:1] != ";"]
    assert len(found) == 1, (seed.at, found)
    return found[0]


EXTENSIONS = "extensions.conf"
CUSTOM = "extensions_custom.conf"
ADDITIONAL = "extensions_additional.conf"

SEEDS = (
    Seed(
        story="a speed dial written by hand, straight to the trunk",
        sample="plain",
        file=EXTENSIONS,
        old="exten => 30,1,Queue",
        new="exten => _8XX,1,Dial(PJSIP/0033612345${EXTEN:1}@carrier-a,60)\nexten => 30,1,Queue",
        rule=Rule.UNGATED_DIAL,
        at="_8XX",
    ),
    Seed(
        story="a helper that dials whatever it is given, two subroutines deep",
        sample="plain",
        file=EXTENSIONS,
        old="exten => 30,1,Queue",
        new="exten => _7X.,1,Set(__WAY=PJSIP/${EXTEN:1}@carrier-b)\n same => n,Gosub(helper,s,1(${WAY}))\n"
        "[helper]\nexten => s,1,Gosub(second,s,1(${ARG1}))\n same => n,Return()\n"
        "[second]\nexten => s,1,NoOp(on the way)\n same => n,Dial(${ARG1},60)\n same => n,Return()\n"
        "[internal](+)\nexten => 30,1,Queue",
        rule=Rule.UNGATED_DIAL,
        at="Dial(${ARG1},60)",
    ),
    Seed(
        story="calls from the carrier may use the way out",
        sample="plain",
        file=EXTENSIONS,
        old="exten => 1,1,Goto(internal,30,1)",
        new="exten => 1,1,Goto(internal,30,1)\ninclude => callgate ; for the lift",
        rule=Rule.OPEN_INBOUND,
        at="for the lift",
    ),
    Seed(
        story="DISA without a password, for the doctor's mobile",
        sample="plain",
        file=EXTENSIONS,
        old="exten => 2,1,Goto(internal,21,1)",
        new="exten => 2,1,Goto(internal,21,1)\nexten => 9,1,DISA(no-password,phones)",
        rule=Rule.DISA_OPEN,
        at="DISA(",
    ),
    Seed(
        story="internal numbers of three digits that begin with 1",
        sample="plain",
        file=EXTENSIONS,
        old="exten => 30,1,Queue",
        new="exten => _1XX,1,Dial(PJSIP/${EXTEN},20)\nexten => 30,1,Queue",
        rule=Rule.EMERGENCY_COLLISION,
        at="_1XX",
    ),
    Seed(
        story="any telephone by its name, whatever is dialled",
        sample="plain",
        file=EXTENSIONS,
        old="exten => 30,1,Queue",
        new="exten => _6.,1,Dial(PJSIP/${EXTEN:1},20)\nexten => 30,1,Queue",
        rule=Rule.CHOSEN_TARGET,
        at="_6.",
    ),
    Seed(
        story="another operator's server, named in full",
        sample="plain",
        file=EXTENSIONS,
        old="exten => 30,1,Queue",
        new="exten => 50,1,Dial(PJSIP/21/sip:0033612345678@sip.other.example,60)\nexten => 30,1,Queue",
        rule=Rule.UNGATED_ADDRESS,
        at="sip.other.example",
    ),
    Seed(
        story="the on-call doctor's mobile as a member of the queue",
        sample="plain",
        file="queues.conf",
        old=END,
        new="member => PJSIP/0612345678@carrier-b,2,On call\n",
        rule=Rule.UNGATED_QUEUE,
        at="On call",
    ),
    Seed(
        story="strangers are let in where the telephones are",
        sample="plain",
        file="pjsip.conf",
        old=END,
        new="\n[anonymous]\ntype = endpoint\ncontext = phones ; for the door\n",
        rule=Rule.OPEN_ANONYMOUS,
        at="for the door",
    ),
    Seed(
        story="a call-back button that has Asterisk dial by itself",
        sample="plain",
        file=EXTENSIONS,
        old="exten => 30,1,Queue",
        new="exten => 55,1,Originate(PJSIP/0612345678@carrier-a,exten,internal,21,1)\nexten => 30,1,Queue",
        rule=Rule.UNGATED_ORIGINATE,
        at="Originate(",
    ),
    Seed(
        story="the last resort is asked before the gate",
        sample="plain",
        file=EXTENSIONS,
        old="include => callgate\ninclude => callgate-last-resort",
        new="include => callgate-last-resort\ninclude => callgate",
        rule=Rule.LAST_RESORT_FIRST,
        at="include => callgate-last-resort",
    ),
    Seed(
        story="the hook fell out at an update",
        sample="freepbx16",
        file=CUSTOM,
        old="[macro-dialout-trunk-predial-hook]",
        new="[macro-dialout-trunk-predial-hook-old]",
        rule=Rule.HOOK_MISSING,
        at="before every trunk",
        where=EXTENSIONS,
    ),
    Seed(
        story="a test route by the trunk's variables, which a forwarded telephone opens to callers from outside",
        sample="freepbx16",
        file=CUSTOM,
        old="exten => *60,1,Answer()",
        new="exten => _*99X.,1,Dial(${OUT_1}/${EXTEN:3}${OUT_1_SUFFIX},300,${TRUNK_OPTIONS})\nexten => *60,1,Answer()",
        rule=Rule.UNGATED_INBOUND,
        at="_*99X.",
    ),
    Seed(
        story="an ENUM trunk, which knows no hook",
        sample="freepbx16",
        file=ADDITIONAL,
        old="[macro-exten-vm]",
        new="[macro-dialout-enum]\nexten => s,1,Set(E=${ENUMLOOKUP(${ARG2},all,,,e164.arpa)})\n"
        "exten => s,n,Dial(PJSIP/operator/${E},300,${TRUNK_OPTIONS})\nexten => s,n,MacroExit()\n[macro-exten-vm]",
        rule=Rule.HOOKLESS_TRUNK,
        at="PJSIP/operator/${E}",
    ),
    Seed(
        story="a mailbox that calls out, its PIN the number of the mailbox",
        sample="freepbx16",
        file="voicemail.conf",
        old="22 => 22,Doctor,,,attach=yes",
        new="22 => 22,Doctor,,,dialout=from-internal|attach=yes",
        rule=Rule.VOICEMAIL_PIN,
        at="22 => 22",
    ),
    Seed(
        story="a telephone whose password is its number",
        sample="freepbx16",
        file="pjsip.endpoint.conf",
        old="password=7d30ab915ce8f264",
        new="password=22",
        rule=Rule.LOGIN_WEAK,
        at="password=22",
    ),
    Seed(
        story="a hook that asks only sometimes",
        sample="freepbx17",
        file=CUSTOM,
        old="exten => s,1,Gosub(callgate-hook,s,1)",
        new='exten => s,1,GosubIf($["${AMPUSER}" != "22"]?callgate-hook,s,1)',
        rule=Rule.HOOK_MISSING,
        at="GosubIf(",
    ),
    Seed(
        story="an inbound route to a trunk",
        sample="freepbx17",
        file=ADDITIONAL,
        old="[macro-exten-vm]",
        new="[ext-trunk]\nexten => tdial,1,Set(OUTBOUND_GROUP=OUT_1)\n"
        "exten => tdial,n,Dial(${OUT_1}/0612345678${OUT_1_SUFFIX},300)\nexten => tdial,n,Hangup\n[macro-exten-vm]",
        rule=Rule.HOOKLESS_TRUNK,
        at="0612345678${OUT_1_SUFFIX}",
    ),
    Seed(
        story="whoever is called may transfer",
        sample="freepbx17",
        file=ADDITIONAL,
        old="TRUNK_OPTIONS = r",
        new="TRUNK_OPTIONS = Ttr",
        rule=Rule.OUTSIDER_TRANSFER,
        at="Dial(${OUT_${DIAL_TRUNK}}",
    ),
    Seed(
        story="the veto fell out: what is dialled need not be what was asked for",
        sample="freepbx17",
        file="extensions_override_freepbx.conf",
        old="[func-apply-sipheaders]",
        new="[func-apply-sipheaders-old]",
        rule=Rule.NUMBER_UNCHECKED,
        at="Applying SIP Headers",
        where=ADDITIONAL,
    ),
    Seed(
        story="AMI listens to the whole network",
        sample="issabel",
        file="manager.conf",
        old="bindaddr = 127.0.0.1",
        new="bindaddr = 0.0.0.0",
        rule=Rule.MANAGER_EXPOSED,
        at="bindaddr",
    ),
    Seed(
        story="follow-me straight to the line",
        sample="issabel",
        file="followme.conf",
        old="number => 0612345678,20",
        new="number => 0612345678,20\nnumber => DAHDI/g0/0612345678,20",
        rule=Rule.UNGATED_FOLLOW_ME,
        at="DAHDI/g0",
    ),
    Seed(
        story="the carrier's calls land where the telephones are",
        sample="issabel",
        file=CUSTOM,
        old=END,
        new="\n[from-pstn-custom]\nexten => _9X.,1,Dial(SIP/operator/${EXTEN:1},60)\n",
        rule=Rule.UNGATED_INBOUND,
        at="SIP/operator",
    ),
    Seed(
        story="the subroutine before every trunk was replaced",
        sample="wazo",
        file="extensions_extra.d/subroutines.conf",
        old="same = n,Gosub(callgate-hook,s,1)\n",
        new="same = n,Set(CHANNEL(hangup_handler_push)=my-handler,s,1)\n",
        rule=Rule.UNGATED_DIAL,
        at="Dial(${INTERFACE}",
        where="extensions_lib_outcall.conf",
    ),
    Seed(
        story="a feature code that dials the trunk in a call",
        sample="wazo",
        file="features.conf",
        old=END,
        new="oncall = *7,self,Dial,PJSIP/0612345678@operator\n",
        rule=Rule.UNGATED_FEATURE,
        at="oncall",
    ),
)
