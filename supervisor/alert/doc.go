// Package alert tells people of what happened: by a command, a webhook or a mail,
// as the [[notify]] tables say.
//
// It owns the queue of each way ([Board]), when a batch goes out ([Rules.Interval],
// [Rules.Limit]), what a message looks like ([Message]), how it is sent ([Send]) and
// how often that is tried. It never holds up who tells it: a queue has an end, and
// what does not fit is counted and told in the next message. It never decides which
// event is worth telling, beyond the words of the rules.
//
// Each way has a goroutine of its own, so one that hangs holds up no other. A message
// goes out at least once: after an upgrade in the middle of one it may come twice.
//
// Start reading at board.go, then sender.go.
package alert
