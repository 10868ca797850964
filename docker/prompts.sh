#!/bin/sh
# Speaks every prompt of agi/callgate/texts/ into asterisk-conf/sounds/ and writes manifest.json beside them, which says
# of which text each file was made. The same text gives the same bytes with the same espeak-ng and sox.
set -eu
cd "$(dirname "$0")/.."
sounds=asterisk-conf/sounds
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT

for tool in espeak-ng sox jq; do
    command -v "$tool" >/dev/null ||
        { echo "callgate: '$tool' is missing. Remedy: apt-get install espeak-ng sox jq" >&2; exit 5; }
done

# Cuts the silence before the first sound (Asterisk adds its own delay, and a refusal must be heard at once) and after
# the last, then sets the peak: 3 dB below full scale leaves room for the A-law and mu-law coders.
speak() { # speak VOICE WORDS_A_MINUTE TEXT FILE
    espeak-ng -v "$1" -s "$2" -b 1 --stdout -- "$3" |
        sox -R -t wav --ignore-length - -b 16 -c 1 "$4" \
            rate 8000 silence 1 0.01 1% reverse silence 1 0.01 1% reverse pad 0.02 0.15 gain -n -3
}

# The tone before a call ends: no language, and unlike any tone of the network.
sox -R -n -r 8000 -b 16 -c 1 "$sounds/warning.wav" synth 0.18 sine 1400 gain -9 pad 0 0.12 repeat 2

for language in fr en; do
    case $language in
        fr) voice=fr-fr speed=152 ;;
        en) voice=en-gb speed=160 ;;
    esac
    mkdir -p "$sounds/$language/callgate"
    rm -f "$sounds/$language/callgate/"*.wav # a code that is gone leaves no prompt behind
    jq -r 'to_entries[] | select(.key | startswith("prompt.")) | "\(.key[7:])\t\(.value)"' \
        "agi/callgate/texts/$language.json" |
        while IFS="$(printf '\t')" read -r code words; do
            file=$sounds/$language/callgate/$code.wav
            speak "$voice" "$speed" "$words" "$file"
            printf '%s\t%s\t%s\t%s\n' "$language" "$code" \
                "$(printf %s "$words" | sha256sum | cut -d ' ' -f 1)" "$(sox --info -D "$file")" >>"$rows"
        done
done

jq -RnS '[inputs / "\t"] | reduce .[] as [$language, $code, $sha256, $seconds]
    ({}; .[$language][$code] = {text_sha256: $sha256, seconds: ($seconds | tonumber * 100 | round / 100)})' \
    "$rows" >"$sounds/manifest.json"
