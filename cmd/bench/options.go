package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are what a run is asked for.
type options struct {
	ns       []int
	rounds   int
	works    []string
	peers    []string
	idle     time.Duration
	kills    int
	mega     int64 // megabytes of a noisy child alone
	out      string
	bulkhead string
	beside   string
}

// most is how many instances a run may have: pids and descriptors of a usual
// host are for so many.
const most = 10_000

func parse(args []string, known []string, errs io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(errs)
	ns := flags.String("n", "10,200,1000,4000", "how many instances, a `LIST`")
	flags.IntVar(&o.rounds, "rounds", 3, "how often everything is done")
	doing := flags.String("works", strings.Join(names(), ","), "which works are done, a `LIST`")
	who := flags.String("peers", strings.Join(known, ","), "which peers do them, a `LIST`")
	flags.DurationVar(&o.idle, "idle", 30*time.Second, "how long idle instances are looked at")
	flags.IntVar(&o.kills, "kills", 20, "how many children are killed in a session, each of them once")
	flags.Int64Var(&o.mega, "mb", 256, "how many `MEGABYTES` one noisy child writes; 50 write as much together")
	flags.StringVar(&o.out, "o", "", "a Markdown `FILE` to write the tables into; none when empty")
	flags.StringVar(&o.bulkhead, "bulkhead", "", "the bulkhead `FILE` to measure; default: beside this program")
	flags.StringVar(&o.beside, "beside", "", "what else the machine does meanwhile, in `WORDS` for the page")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("cannot use %q: there are flags only", flags.Arg(0))
	}
	for word := range strings.SplitSeq(*ns, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > most {
			return o, fmt.Errorf("cannot use -n %q: %q is not a number from 1 to %d", *ns, word, most)
		}
		o.ns = append(o.ns, n)
	}
	if o.works, err = chosen("works", *doing, names()); err != nil {
		return o, err
	}
	if o.peers, err = chosen("peers", *who, known); err != nil {
		return o, err
	}
	switch {
	case o.rounds < 1:
		return o, fmt.Errorf("cannot do %d rounds: at least 1", o.rounds)
	case o.idle < time.Second:
		return o, fmt.Errorf("cannot look at idle instances for %v: at least 1s", o.idle)
	case o.kills < 1:
		return o, fmt.Errorf("cannot kill %d children: at least 1", o.kills)
	case o.mega < 1 || o.mega > 100_000:
		return o, fmt.Errorf("cannot write %d megabytes: 1 to 100000", o.mega)
	}
	return o, nil
}

// chosen are the words of a list, which must all be known.
func chosen(flag, list string, known []string) ([]string, error) {
	words := strings.Split(list, ",")
	for _, w := range words {
		if !slices.Contains(known, w) {
			return nil, fmt.Errorf("cannot use -%s %q: no %q; there are %s", flag, list, w, strings.Join(known, ", "))
		}
	}
	return words, nil
}
