# make demo      installs what is missing, builds, converts a shipped Keras file and proves the copies
# make test      installs what is missing, builds and runs every test
# make install   puts the command under PREFIX (default /usr/local); make uninstall removes it
# make interop   the foreign readers against what we write (Python environments outside the tree)
# make interop-keras   Keras itself (a larger environment) opens what we write for it
# make bench     benchmarks · make fuzz MINUTES=n  the fuzz targets

PREFIX ?= /usr/local
MINUTES ?= 1
RELEASE := .build/release

.PHONY: demo test build dependencies install uninstall interop interop-keras bench fuzz

demo: build
	@Scripts/demo $(RELEASE)

test: dependencies
	swift build --build-tests
	swift test --skip-build
	@Scripts/test-consumers

build: dependencies
	swift build -c release --static-swift-stdlib

dependencies:
	@Scripts/install-dependencies

install: build
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/libexec"
	install -m 755 $(RELEASE)/mlpconv "$(DESTDIR)$(PREFIX)/bin/mlpconv"
	install -m 755 $(RELEASE)/mlpconv-hdf5 "$(DESTDIR)$(PREFIX)/libexec/mlpconv-hdf5"

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/mlpconv" "$(DESTDIR)$(PREFIX)/libexec/mlpconv-hdf5"

interop: build
	@Scripts/interop/run $(RELEASE)

interop-keras: build
	@$$(Scripts/interop/environment keras) Scripts/interop/keras_check.py $(RELEASE)

bench: dependencies
	@Benchmarks/run

fuzz: dependencies
	@Scripts/fuzz $(MINUTES)
