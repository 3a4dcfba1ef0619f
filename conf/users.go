package conf

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"
)

// lookupUser finds a user by name or number in the user database, with the
// groups that initgroups(3) would give.
func lookupUser(nameOrID string) (User, error) {
	found, err := user.Lookup(nameOrID)
	if unknown := (user.UnknownUserError("")); errors.As(err, &unknown) {
		found, err = user.LookupId(nameOrID)
	}
	if err != nil {
		return User{}, fmt.Errorf("there is no user %q", nameOrID)
	}
	uid, err := id(found.Uid)
	if err != nil {
		return User{}, err
	}
	gid, err := id(found.Gid)
	if err != nil {
		return User{}, err
	}
	ids, err := found.GroupIds()
	if err != nil {
		return User{}, fmt.Errorf("cannot read the groups of user %q: %v", nameOrID, err)
	}
	groups := make([]uint32, 0, len(ids))
	for _, text := range ids {
		g, err := id(text)
		if err != nil {
			return User{}, err
		}
		groups = append(groups, g)
	}
	return User{Name: found.Username, UID: uid, GID: gid, Groups: groups, Home: found.HomeDir}, nil
}

func lookupGroup(nameOrID string) (uint32, error) {
	found, err := user.LookupGroup(nameOrID)
	if unknown := (user.UnknownGroupError("")); errors.As(err, &unknown) {
		found, err = user.LookupGroupId(nameOrID)
	}
	if err != nil {
		return 0, fmt.Errorf("there is no group %q", nameOrID)
	}
	return id(found.Gid)
}

func id(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("cannot use %q as a user or group number", text)
	}
	return uint32(n), nil
}

func (e Env) user(name string) (User, *fault) {
	lookup := e.LookupUser
	if lookup == nil {
		lookup = lookupUser
	}
	u, err := lookup(name)
	if err != nil {
		return User{}, faultf("create it, or write the name or number of a user of this host",
			"cannot use %q as a user: %v", name, err)
	}
	return u, nil
}

// owner reads "user", "user:group", "user:" or ":group" as socket_owner; -1 is
// as created. A user alone brings his group, "user:" does not.
func (e Env) owner(s string) (uid, gid int, f *fault) {
	uid, gid = -1, -1
	name, group, hasGroup := strings.Cut(s, ":")
	if name != "" {
		u, f := e.user(name)
		if f != nil {
			return uid, gid, f
		}
		uid, gid = int(u.UID), int(u.GID)
	}
	if hasGroup && group == "" {
		gid = -1
	}
	if group != "" {
		lookup := e.LookupGroup
		if lookup == nil {
			lookup = lookupGroup
		}
		g, err := lookup(group)
		if err != nil {
			return uid, gid, faultf(`write "user:group" with a group of this host`, "cannot use %q as a group: %v", group, err)
		}
		gid = int(g)
	}
	return uid, gid, nil
}

// user looks a written user up; nil after a problem.
func (res *resolver) user(at place, t text, n names) *User {
	name := res.expand(at, t, n)
	if res.bad[at.key()] {
		return nil
	}
	u, f := res.env.user(name)
	if f != nil {
		res.problem(at, f)
		return nil
	}
	return &u
}
