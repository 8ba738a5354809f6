# shellcheck shell=sh
# The last stage of the Dockerfile: its instructions, one a line.
last_stage() {
    sed -e '/^#/d' -e ':again' -e '/\\$/{N;s/\\\n *//;b again' -e '}' Dockerfile \
        | awk '/^FROM / { stage = ""; next } NF { stage = stage $0 "\n" } END { printf "%s", stage }'
}

# of instruction: its arguments.
of() {
    last_stage | sed -n "s/^$1 //p"
}
