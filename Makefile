# make run    starts Seatcast with demo data on http://127.0.0.1:8000 (HOST=…, PORT=… change it)
# make test   runs every check and test
#
# Both install what the machine lacks, say what they do, and skip what is done already.
# They share one profile, `dev`: it compiles in half the time of `release` (2½ minutes instead of
# 5 on two cores, seconds after a change) and is fast enough for a demo and for every test.
# `make run PROFILE=release` is there for those who want to measure.

.PHONY: run test setup
.NOTPARALLEL:

run:
	@scripts/run.sh

test:
	@scripts/test.sh

# Only installs what `run` and `test` need.
setup:
	@scripts/setup.sh run
	@scripts/setup.sh test
