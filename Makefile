# make          what there is
# make run      build it, run a real command in a sandbox, show what it could not see
# make test     every test

PREFIX ?= $(HOME)/.local
DESTDIR ?=
SWIFT ?= swift

# The pages under docs/ say what each of these is for.
BIN = $(DESTDIR)$(PREFIX)/bin
LIBEXEC = $(DESTDIR)$(PREFIX)/libexec/coop
SHARE = $(DESTDIR)$(PREFIX)/share
BASH_COMPLETION = $(SHARE)/bash-completion/completions/coop
ZSH_COMPLETION = $(SHARE)/zsh/site-functions/_coop
FISH_COMPLETION = $(SHARE)/fish/vendor_completions.d/coop.fish
APPARMOR = $(SHARE)/coop/apparmor

FORMATTED = Sources Tests Benchmarks Package.swift
RELEASE = .build/release

.DEFAULT_GOAL := help
.PHONY: help run test test-vm build install uninstall bench format lint clean

help:
	@echo 'make run        install what is missing, build optimised, run a real command in a sandbox and show'
	@echo '                what it could not see'
	@echo 'make test       install what the tests need and run all of them'
	@echo 'make test-vm    run the tests of limits in a virtual machine (docs/testing-vm.md)'
	@echo 'make build      build optimised, into $(RELEASE)'
	@echo 'make install    install into PREFIX (now $(PREFIX))'
	@echo 'make uninstall  remove exactly what make install has put there'
	@echo 'make bench      measure beside other sandboxes (docs/benchmarks.md)'
	@echo 'make format     format the code'
	@echo 'make lint       check the format of the code'
	@echo 'make clean      remove what was built'

run:
	@Scripts/install-packages.sh run
	@$(MAKE) --no-print-directory build
	@Scripts/demonstrate.sh $(RELEASE)

build:
	@Scripts/require-swift.sh $(SWIFT)
	COOP_PROGRAMS_ONLY=1 $(SWIFT) build -c release

# The tests drive the built programs, so those are built first.
test:
	@Scripts/require-swift.sh $(SWIFT)
	@Scripts/install-packages.sh test
	@if [ "$$(id -u)" = 0 ]; then Scripts/test-users.sh; \
	else echo "make test: the tests run as $$(id -un) alone; as root they also run as root and as two further users" >&2; fi
	$(SWIFT) build
	$(SWIFT) test --disable-xctest

test-vm:
	@Tests/VM/install.sh
	@$(MAKE) --no-print-directory build
	@Tests/VM/build-image.sh
	@Tests/VM/run.sh $(RELEASE) Tests/VM/tests/*.sh

install: build
	install -d -m 755 '$(BIN)' '$(LIBEXEC)' '$(APPARMOR)'
	install -d -m 755 "$$(dirname '$(BASH_COMPLETION)')" "$$(dirname '$(ZSH_COMPLETION)')" "$$(dirname '$(FISH_COMPLETION)')"
	install -s -m 755 $(RELEASE)/coop '$(BIN)/coop'
	install -s -m 755 $(RELEASE)/coop-warden '$(LIBEXEC)/coop-warden'
	install -s -m 755 $(RELEASE)/coop-gateway '$(LIBEXEC)/coop-gateway'
	install -m 644 packaging/apparmor/coop '$(APPARMOR)/coop'
	$(RELEASE)/coop completions bash > '$(BASH_COMPLETION)'
	$(RELEASE)/coop completions zsh > '$(ZSH_COMPLETION)'
	$(RELEASE)/coop completions fish > '$(FISH_COMPLETION)'
	chmod 644 '$(BASH_COMPLETION)' '$(ZSH_COMPLETION)' '$(FISH_COMPLETION)'
	@case ":$$PATH:" in *':$(PREFIX)/bin:'*) ;; \
	*) echo 'make install: $(PREFIX)/bin is not in PATH'; echo 'Next: export PATH="$(PREFIX)/bin:$$PATH"';; esac

# Directories go only where they are empty: others may have put something there.
uninstall:
	rm -f '$(BIN)/coop' '$(LIBEXEC)/coop-warden' '$(LIBEXEC)/coop-gateway' '$(APPARMOR)/coop'
	rm -f '$(BASH_COMPLETION)' '$(ZSH_COMPLETION)' '$(FISH_COMPLETION)'
	for directory in '$(LIBEXEC)' '$(APPARMOR)' '$(SHARE)/coop'; do \
	    if [ -d "$$directory" ]; then rmdir --ignore-fail-on-non-empty "$$directory"; fi; done

bench:
	@Scripts/install-packages.sh bench
	@$(MAKE) --no-print-directory build
	for product in policy-benchmark audit-benchmark event-log-benchmark http-gateway-benchmark; do $(SWIFT) build -c release --product $$product || exit; done
	@Benchmarks/run.sh

format:
	$(SWIFT) format --in-place --recursive --parallel $(FORMATTED)

lint:
	$(SWIFT) format lint --strict --recursive --parallel $(FORMATTED)

clean:
	$(SWIFT) package clean
