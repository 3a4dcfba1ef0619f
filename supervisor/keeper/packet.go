package keeper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
)

// A packet is one message of a SEQPACKET socket: magic, op, errno (16 bit),
// id (32 bit, big endian), then the body: a name, or names with a NUL between
// them. An answer has the op and the id of its request and the top bit of op
// set. Keepers live on over upgrades: ops are added, never changed.
const (
	magic      = 'K'
	headLen    = 8
	answerBit  = 0x80
	maxName    = 255
	maxPacket  = 16 << 10
	maxPayload = maxPacket - headLen
)

type op byte

const (
	opHello    op = 1 // answered with an empty body
	opHold     op = 2 // with one descriptor; answered only when it fails, with the name
	opDrop     op = 3 // never answered
	opHeld     op = 4 // names after the one in the body, sorted, as many as fit; none: that was all
	opTake     op = 5 // answered with a copy of the descriptor
	opEnd      op = 6 // answered by the end of the connection
	opReplaced op = 7 // only as an answer: a newer connection took over
)

type packet struct {
	op     op
	answer bool
	errno  syscall.Errno
	id     uint32
	body   []byte // part of what was parsed
}

func (p packet) append(b []byte) []byte {
	first := byte(p.op)
	if p.answer {
		first |= answerBit
	}
	b = append(b, magic, first)
	b = binary.BigEndian.AppendUint16(b, uint16(p.errno))
	b = binary.BigEndian.AppendUint32(b, p.id)
	return append(b, p.body...)
}

func parse(b []byte) (packet, error) {
	switch {
	case len(b) < headLen:
		return packet{}, fmt.Errorf("cannot read packet: %d bytes, want %d or more", len(b), headLen)
	case len(b) > maxPacket:
		return packet{}, fmt.Errorf("cannot read packet: %d bytes, want %d or less", len(b), maxPacket)
	case b[0] != magic:
		return packet{}, fmt.Errorf("cannot read packet: begins with %q", b[0])
	}
	return packet{
		op:     op(b[1] &^ answerBit),
		answer: b[1]&answerBit != 0,
		errno:  syscall.Errno(binary.BigEndian.Uint16(b[2:])),
		id:     binary.BigEndian.Uint32(b[4:]),
		body:   b[headLen:],
	}, nil
}

// request says whether p, with so many descriptors, is one a supervisor may
// send. An op nobody knows yet is well-formed if it brings none.
func (p packet) request(descriptors int) error {
	if p.answer || p.errno != 0 {
		return errors.New("cannot read request: it is an answer")
	}
	want := 0
	switch p.op {
	case opHold:
		want = 1
		fallthrough
	case opDrop, opTake:
		if err := checkName(p.body); err != nil {
			return err
		}
	case opHeld:
		if len(p.body) > maxName {
			return fmt.Errorf("cannot read request: %d bytes of name", len(p.body))
		}
	case opHello, opEnd:
		if len(p.body) > 0 {
			return fmt.Errorf("cannot read request %d: it has %d bytes too many", p.op, len(p.body))
		}
	}
	if descriptors != want {
		return fmt.Errorf("cannot read request %d: %d descriptors, want %d", p.op, descriptors, want)
	}
	return nil
}

func checkName(name []byte) error {
	if len(name) == 0 || len(name) > maxName || bytes.IndexByte(name, 0) >= 0 {
		return fmt.Errorf("cannot take name %q: want 1 to %d bytes, none of them NUL", name, maxName)
	}
	return nil
}
