# Short names for what Meson does. `make demo` and `make check` set everything up themselves.
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=

# To build and to see the demonstration; what the tests need beside it; what the fuzzers need.
PACKAGES = gcc make meson ninja-build pkg-config python3 libevent-dev libgnutls28-dev libsodium-dev \
	libngtcp2-dev libngtcp2-crypto-gnutls-dev libjansson-dev libxxhash-dev libzstd-dev libminiupnpc-dev libqrencode-dev libedit-dev libcmocka-dev nftables iproute2
TEST_PACKAGES = clang-format clang-tidy util-linux coturn stun-client conntrack valgrind ngircd zbar-tools miniupnpd-nftables
FUZZ_PACKAGES = clang libclang-rt-14-dev

M       ?=

.PHONY: all deps build-deps configure build demo matrix test check asan tsan valgrind fuzz fuzz-smoke bench study soak api-docs tidy fmt install clean

all: build

# A build folder remembers where its tree is. What came along with a copy of the tree would build, and write to, the
# tree that was copied: it is made anew.
define forget_other_tree
@test ! -f $(1)/meson-info/meson-info.json || grep -qF '"source": "$(CURDIR)"' $(1)/meson-info/meson-info.json || \
	{ echo "$(1) belongs to another tree and is made anew"; rm -rf $(1); }
endef

deps:
	@packaging/deps.sh $(PACKAGES) $(TEST_PACKAGES) $(FUZZ_PACKAGES)

build-deps:
	@packaging/deps.sh $(PACKAGES)

configure: build-deps
	$(call forget_other_tree,$(BUILD))
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) --prefix=$(PREFIX)

build: configure
	ninja -C $(BUILD)

demo: build
	python3 lab/demo.py $(BUILD)/bodkin

# The picture of which NATs connect: a minute and a half of labs.
matrix: build
	$(BUILD)/bodkin lab matrix --runs 5 --svg docs/matrix.svg

# While working: one build, unit tests, simulator and arch; `make test M=punch` builds and runs one module's.
test: configure
	@python3 tests/check.py --quick --build $(BUILD) $(if $(M),--module $(M))

check: deps build asan fuzz-smoke
	python3 tests/check.py --build $(BUILD) --asan build-asan --fuzz build-fuzz

# The sanitizers mislead gcc into warnings about code that has none without them; `make build` is where warnings are errors.
asan: deps
	$(call forget_other_tree,build-asan)
	@test -f build-asan/build.ninja || meson setup build-asan -Dwerror=false -Db_sanitize=address,undefined -Db_lundef=false
	ninja -C build-asan

# The suites with threads, on a build that sees two of them at the same memory.
tsan: deps
	$(call forget_other_tree,build-tsan)
	@test -f build-tsan/build.ninja || meson setup build-tsan -Dwerror=false -Db_sanitize=thread -Db_lundef=false
	ninja -C build-tsan
	python3 tests/check.py --watch threads --build build-tsan

# The suites that attack, with an eye on every byte; for minutes, so soak runs it and check does not.
valgrind: deps build
	python3 tests/check.py --watch valgrind --build $(BUILD)

fuzz: deps
	$(call forget_other_tree,build-fuzz)
	@test -f build-fuzz/build.ninja || CC=clang meson setup build-fuzz -Dwerror=false -Db_sanitize=address,undefined \
		-Db_lundef=false -Dfuzzers=true -Dtests=false -Dc_args=-fsanitize=fuzzer-no-link
	ninja -C build-fuzz

# Builds the fuzzers; `make check` runs each over its corpus and a few seconds beyond.
fuzz-smoke: fuzz

bench: build
	python3 bench/run.py $(BUILD)

# What share of a population connects directly, technique by technique: the tables of bench/RESULTS.md and docs/study.svg.
study: configure
	ninja -C $(BUILD) bench/study_pairs
	nice python3 bench/study.py $(BUILD) --write

# What takes minutes: sessions that are open and idle, through NATs that forget; and who looks closer at threads and bytes.
soak: build tsan valgrind
	BODKIN_IDLE_SECONDS=180 python3 tests/lab/run.py $(BUILD)/bodkin --only 'idle session'
	BODKIN_MATRIX_RUNS=5 python3 tests/lab/run.py $(BUILD)/bodkin --only matrix
	BODKIN_DEVICES_MIB=1024 python3 tests/lab/run.py $(BUILD)/bodkin --only 'devices, both hand over'
	BODKIN_COPIES_MB=4096 python3 tests/cli/test_copies.py $(BUILD)/bodkin Copies.test_eight_one_of_them_slow_one_killed_and_back_and_a_ninth_who_guesses
	SOAK=1 python3 tests/cli/test_copies.py $(BUILD)/bodkin Long
	SOAK=1 python3 tests/cli/test_devices.py $(BUILD)/bodkin Many
	BODKIN_STREAM_MB=10240 python3 tests/cli/test_streams.py $(BUILD)/bodkin Streams.test_200_megabytes_are_passed_on_as_they_are
	SOAK=1 python3 tests/cli/test_resume.py $(BUILD)/bodkin
	python3 tests/cli/test_before.py $(BUILD)/bodkin
	SOAK=1 python3 tests/cli/test_masses.py $(BUILD)/bodkin Memory
	python3 tests/cli/test_trees.py $(BUILD)/bodkin Trees.test_folders_of_this_machine_arrive --whole /usr/share/doc

# The API's manual pages, made from the public headers: man -l build/man3/bodkin_session.3
api-docs:
	python3 docs/api.py $(BUILD)/man3

# What clang-tidy finds in src, as .clang-tidy says; what passed once is not read again. `make tidy M=punch`: one module.
tidy: deps build
	python3 tests/arch/tidy.py $(BUILD) $(if $(M),src/$(M)/)

fmt:
	clang-format -i $$(git ls-files '*.c' '*.h')

install: build
	meson configure $(BUILD) --prefix=$(PREFIX)
	ninja -C $(BUILD)
	DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf build build-asan build-tsan build-fuzz
