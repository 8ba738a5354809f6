#!/bin/bash
# Runs in a booted root in which the package is installed. Its last line says whether all is well.
set -eu

step() {
    echo "  $*"
}
ended() {
    status=$?
    if [ "$status" != 0 ]; then
        systemctl --no-pager status seatcast || true
        journalctl --no-pager --unit seatcast --lines 30 || true
        echo "failed: $status"
    fi
}
trap ended EXIT

# ask path: the status and body that the server answers.
ask() {
    exec 3<> /dev/tcp/127.0.0.1/8000 || return 1
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&3
    cat <&3
    exec 3>&-
}
serves() {
    for _ in $(seq 300); do
        if ask /readyz 2> /dev/null | grep -q '^HTTP/1.1 200'; then
            return 0
        fi
        sleep 0.1
    done
    return 1
}
# as_seatcast command…: with the settings that the unit reads.
as_seatcast() {
    (
        set -a
        # shellcheck disable=SC1091
        . /etc/seatcast/secret.env
        # shellcheck disable=SC1091
        . /etc/seatcast/seatcast.env
        exec runuser --user seatcast -- "$@"
    )
}
events() {
    ask /api/v1/events | grep -o '"title"' | wc -l
}

systemctl is-enabled --quiet seatcast
serves
step "it was started with the machine, under a private Postgres"
pid=$(systemctl show --property MainPID --value seatcast)
[ "$(ps -o user= -p "$pid" 2> /dev/null || stat -c %U "/proc/$pid")" = seatcast ]
grep -q '^NoNewPrivs:.1$' "/proc/$pid/status"
grep -q '^CapEff:.0*$' "/proc/$pid/status"
grep -q '^Seccomp:.2$' "/proc/$pid/status"
[ "$(stat -c '%a %U' /var/lib/seatcast)" = "700 seatcast" ]
[ "$(stat -c %a /etc/seatcast/secret.env)" = 600 ]
step "it has neither capabilities nor a way to get any, and its files are its own"

cd /
as_seatcast seatcast seed > /dev/null
[ "$(events)" -gt 0 ]
as_seatcast seatcast doctor > /doctor.log
if grep -q FAIL /doctor.log; then exit 1; fi
as_seatcast seatcast audit > /dev/null
step "seed, doctor and audit work beside it"
systemctl restart seatcast
serves
[ "$(events)" -gt 0 ]
systemctl kill --signal KILL --kill-whom main seatcast
serves
[ "$(events)" -gt 0 ]
step "its data outlives a restart and a kill -9"

systemctl start postgresql
for _ in $(seq 100); do
    runuser --user postgres -- pg_isready --quiet && break
    sleep 0.1
done
runuser --user postgres -- createuser seatcast
runuser --user postgres -- createdb --owner seatcast seatcast
sed -i "s|^#\\(DATABASE_URL='postgres:///.*\\)|\\1|" /etc/seatcast/seatcast.env
systemctl restart seatcast
serves
[ "$(events)" = 0 ]
tables=$(runuser --user postgres -- psql --no-psqlrc -Atc "select count(*) from pg_tables where schemaname = 'seatcast'" seatcast)
[ "$tables" -gt 10 ]
# Commands see the same database, not the private one.
as_seatcast seatcast seed > /dev/null
[ "$(events)" -gt 0 ]
step "it serves from a Postgres of the machine, by the line of its settings"

systemctl stop seatcast
[ "$(systemctl show --property Result --value seatcast)" = success ]
if pgrep --uid seatcast > /dev/null 2>&1; then exit 1; fi
step "it stops in order, and leaves no process"
dpkg --remove seatcast > /dev/null
[ -e /etc/seatcast/seatcast.env ]
[ ! -e /usr/bin/seatcast ]
dpkg --purge seatcast > /purge.log 2>&1
grep -q "is kept" /purge.log
[ ! -e /etc/seatcast ]
[ -d /var/lib/seatcast/postgres ]
step "purged, it leaves nothing but what was sold"
rm -rf /var/lib/seatcast/postgres
dpkg --install /seatcast.deb > /dev/null
serves
systemctl stop seatcast
rm -rf /var/lib/seatcast/postgres
dpkg --purge seatcast > /dev/null 2>&1
[ ! -e /var/lib/seatcast ]
if getent passwd seatcast > /dev/null; then exit 1; fi
[ ! -e /etc/systemd/system/multi-user.target.wants/seatcast.service ]
step "installed again it starts, and without a database a purge leaves nothing at all"
echo "all is well"
