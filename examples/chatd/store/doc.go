// Package store keeps what chatd must remember: its users and, for each of
// them, a numbered list of events (messages that arrived, messages that could
// not be delivered), contacts, blocks, presence, a profile and the nodes of
// personal eventing with their subscribers.
//
// [Store] is what the rest of the service sees. [OpenSQLite] keeps everything
// in one file and survives a crash; [NewMemory] forgets everything when the
// process ends and costs about as much as appending to a slice.
//
// A client of the service reads with Events and, when it has seen everything,
// waits on a channel from Watch. Nothing is pushed at a reader, so a slow one
// costs no memory:
//
//	wake, stop := st.Watch(user)
//	defer stop()
//	for {
//		batch, err := st.Events(ctx, user, last, 100)
//		...
//		if len(batch) == 0 {
//			<-wake
//		}
//	}
package store
