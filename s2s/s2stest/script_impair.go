package s2stest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// impairment reads what is wrong with a way: "delay=1s split=1", and so on. No
// words are a good line.
func impairment(words []string) (i Impairment, err error) {
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "delay":
			i.Delay, err = time.ParseDuration(value)
		case "jitter":
			i.Jitter, err = time.ParseDuration(value)
		case "bandwidth":
			i.Bandwidth, err = strconv.Atoi(value)
		case "split":
			i.Split, err = strconv.Atoi(value)
		case "reset-after":
			i.ResetAfter, err = strconv.ParseInt(value, 10, 64)
		case "corrupt":
			i.CorruptAt, err = strconv.ParseInt(value, 10, 64)
		case "once", "lose":
			i.Once, i.Lose = i.Once || key == "once", i.Lose || key == "lose"
			if w != key {
				err = fmt.Errorf("%q has no value", key)
			}
		default:
			err = fmt.Errorf("no impairment %q", key)
		}
		if err != nil {
			return Impairment{}, err
		}
	}
	return i, nil
}
