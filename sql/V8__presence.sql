-- Presence, node by node: what each node counts of each event, for as long as the node's lease lasts.
--
-- Nothing here is truth: the node that has a viewer's connection knows of it, and says so again.
-- Hence unlogged, which keeps presence out of the WAL and its fsyncs; after a crash the tables are
-- empty, each node finds its lease gone, takes a new one and says everything again.

-- One short row per node, so that staying alive is one update whatever the number of events. No
-- index on the deadline: renewing it then never touches an index, and nodes are few.
create unlogged table presence_nodes (
    node uuid not null,
    expires_at timestamptz not null,
    constraint presence_nodes_pkey primary key (node)
);

-- Events that nobody is at on a node have no row of that node. Rows of a node whose lease has ended
-- count no more, at once; they go with the node's own row, which others remove.
create unlogged table presence_counts (
    node uuid not null,
    event_id bigint not null,
    -- {"total": …, "by_step": {…}}, as on the wire.
    counts jsonb not null,
    constraint presence_counts_pkey primary key (event_id, node),
    constraint presence_counts_node_fkey foreign key (node) references presence_nodes (node) on delete cascade
);
create index presence_counts_by_node on presence_counts (node);
