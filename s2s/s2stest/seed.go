package s2stest

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
)

// seedVariable is the environment variable that sets the seed.
const seedVariable = "S2STEST_SEED"

func newSeed(t TB) uint64 {
	t.Helper()
	text := os.Getenv(seedVariable)
	if text == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("s2stest: %s: %v", seedVariable, err)
	}
	return seed
}

// Seed returns the number that everything random about the network follows
// from: jitter, the pauses and choices of servers, and what personalities do in a random order. It is a new one
// for each network unless the environment variable S2STEST_SEED sets it. A
// test that fails prints it.
func (n *Network) Seed() uint64 { return n.seed }

// printSeed says how to repeat what was random.
func (n *Network) printSeed() {
	fmt.Fprintf(n.t.Output(), "s2stest: to repeat what was random: %s=%d\n", seedVariable, n.seed)
}

// Rand returns random numbers that follow from the seed and the purpose: the
// same ones whatever else goes on. Each call starts anew. They are for one
// goroutine.
func (n *Network) Rand(purpose string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(n.seed, h.Sum64()))
}

// source is Rand for several goroutines.
func (n *Network) source(purpose string) func() uint64 {
	var mu sync.Mutex
	r := n.Rand(purpose)
	return func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return r.Uint64()
	}
}

// chooser chooses for resolvers.
func (n *Network) chooser() func(int) int {
	source := n.source("DNS")
	return func(most int) int { return int(source() % uint64(most)) }
}
