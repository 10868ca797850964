"""The lab of the ways out: the practice's, with all that an installer may have beside it, some of it past the gate."""

from pathlib import Path

import practice
from asterisk_conf import modules_conf
from lab import Lab

ARI_PORT = 8088
ARI_LOGIN = "callgate:lab"
LISTED = "00612345678"
LISTED_WIRE = "+33612345678"
IVORY_COAST = "0002250123456615"
IVORY_COAST_WIRE = "+2250123456615"
REFUSED = {
    "ivory-coast": (IVORY_COAST, IVORY_COAST_WIRE),
    "satellite": ("00088216000001", "+88216000001"),
    "premium": ("00899701234", "+33899701234"),
}
"""Numbers that the policy refuses, by country or by class: as phones dial them, and as the carrier sees them."""

_MODULES = """
app_confbridge app_directed_pickup app_followme app_page app_queue app_stasis app_voicemail bridge_holding
res_ari res_ari_channels res_ari_events res_ari_model res_fax res_fax_spandsp res_http_websocket res_musiconhold
res_parking res_stasis res_stasis_answer res_stasis_device_state res_stasis_playback res_stasis_recording
res_stasis_snoop res_websocket_client
"""
_EXTENSIONS = """\
[internal]
; what goes out through the gate
exten => 7001,1,Goto(phones,${TARGET},1)
exten => 7002,1,Dial(PJSIP/105,10)
 same => n,Goto(phones,${TARGET},1)
exten => 7003,1,Dial(PJSIP/105,1)
 same => n,Goto(phones,${TARGET},1)
exten => 7004,1,FollowMe(garde,d)
exten => 7005,1,Answer()
 same => n,VoiceMailMain(101@default,s)
exten => 7006,1,Answer()
 same => n,DISA(no-password,phones)
exten => 7007,1,Dial(Local/${TARGET}@phones,30)
exten => 7008,1,Dial(Local/${TARGET}@phones/n,30)
exten => 7009,1,Dial(Local/7008@internal/n,30)
exten => 7010,1,Queue(garde,,,,5)
exten => 7011,1,Goto(phones,${TARGET},1)
exten => 7012,1,Dial(PJSIP/102&Local/${TARGET}@phones,30)
exten => 7013,1,Page(Local/${TARGET}@phones&PJSIP/102,i,5)
exten => 7014,1,ConfBridge(garde)
exten => 7015,1,PickupChan(PJSIP/carrier-a,p)
exten => 7016,1,Answer()
 same => n,TryExec(SendFAX(/nowhere/fax.tif))
 same => n,Goto(phones,${TARGET},1)
exten => 7017,1,Dial(PJSIP/101,30,tT)
exten => 7018,1,ParkedCall(default,701)
exten => 7019,1,Park(default,t(20000)s)
exten => 700,1,Park()
; what goes out past it
exten => 7050,1,Dial(PJSIP/${WIRE}@carrier-a,30)
exten => 7051,1,Dial(PJSIP/carrier-a/sip:${WIRE}@${CARRIER},30)
exten => 7052,1,Dial(PJSIP/102&PJSIP/${WIRE}@carrier-a,30)
exten => 7053,1,Originate(PJSIP/${WIRE}@carrier-a,app,Wait,5)
exten => 7054,1,Queue(trunk,,,,5)
exten => 7055,1,Set(GRANT=lab_1.00000000-0000-4000-8000-000000000000.1.1)
 same => n,Dial(PJSIP/${WIRE}@carrier-a,30,b(callgate-leg^s^1(${WIRE}^${GRANT}^60^${STRFTIME(,,%s.%3q)}^callgate^^0)))
exten => 7056,1,Page(PJSIP/102&PJSIP/${WIRE}@carrier-a,i,5)
[from-carrier]
exten => _70XX,1,Goto(internal,${EXTEN},1)
exten => 7099,1,Set(__TRANSFER_CONTEXT=phones)
 same => n,Dial(PJSIP/101,30,tT)
[parking-over]
exten => _[A-Z].,1,Goto(phones,${TARGET},1)
"""
_CONF = {
    "modules.conf": modules_conf(*(f"{name}.so" for name in _MODULES.split())),
    "ari.conf": "[general]\nenabled = yes\n[callgate]\ntype = user\nread_only = no\npassword = lab\n",
    "confbridge.conf": "[general]\n[default_user]\ntype = user\nquiet = yes\n[default_bridge]\ntype = bridge\n",
    "features.conf": "[general]\n[featuremap]\nblindxfer = #1\natxfer = *2\n",
    "followme.conf": "[general]\n[garde]\ncontext = internal\nnumber => 7011,10\n",
    "http.conf": f"[general]\nenabled = yes\nbindaddr = 0.0.0.0\nbindport = {ARI_PORT}\n",
    "musiconhold.conf": "",
    "queues.conf": "[general]\n[garde]\nmember => Local/7011@internal\n[trunk]\n",
    "res_fax.conf": "",
    "res_parking.conf": "[general]\n[default]\nparkext => 700\nparkpos => 701-720\ncontext = parked\nparkingtime = 1\n"
    "comebacktoorigin = no\ncomebackcontext = parking-over\ncomebackdialtime = 1\n",
    "voicemail.conf": "[general]\nformat = sln\n[default]\n101 => 1,Dr Lilas,,,callback=phones|dialout=phones\n",
    "websocket_client.conf": "",
}
_OUTSIDERS = f"""
[[external_to_external.number]]
number = "{LISTED_WIRE}"
lines = 40
day = "200.00"
"""


def path_lab(name: str, folder: Path) -> Lab:
    """Make it, with its guard; it is not started yet. Outsiders may be sent to one number only, `LISTED`."""
    limits = "clinic = 100\nexternal_to_external = 100\ninternational = 100\noverseas = 100"
    policy = practice.with_table(practice.preset(), "limits.concurrent", limits) + _OUTSIDERS
    # Phones may forward here: what they send on is asked about all the same.
    made = practice.Practice(policy=policy, extensions=_EXTENSIONS, asterisk_conf=_CONF, control=True, ring="")
    return practice.lab(name, folder, made)
