-- Presence: each node's counts of each event, valid as long as the node's lease lasts.
--
-- Unlogged, which keeps presence out of the WAL and its fsyncs: nothing is lost in a crash, since each node knows its
-- visitors. It finds its lease gone, takes a new one and stores its counts again.

-- One short row per node, so that renewing the lease is one update whatever the number of events. No index on the
-- deadline, so that renewing it touches no index; nodes are few.
create unlogged table presence_nodes (
    node uuid not null,
    expires_at timestamptz not null,
    constraint presence_nodes_pkey primary key (node)
);

-- No row for an event without visitors on the node. Rows of a node whose lease has ended do not count any more; they
-- are deleted with the node's own row, by other nodes.
create unlogged table presence_counts (
    node uuid not null,
    event_id bigint not null,
    -- {"total": …, "by_step": {…}}, as on the wire.
    counts jsonb not null,
    constraint presence_counts_pkey primary key (event_id, node),
    constraint presence_counts_node_fkey foreign key (node) references presence_nodes (node) on delete cascade
);
create index presence_counts_by_node on presence_counts (node);
