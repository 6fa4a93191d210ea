create or replace function worker.message_type_of(p_queue text)
  returns text
  language sql
  immutable
  parallel safe
as $$
  select replace(initcap(replace(substr(p_queue, 5), '_', ' ')), ' ', '')
$$;

comment on function worker.message_type_of is
  'Type of the messages in an outgoing queue: the opposite of outgoing_queue. Called by queue_figures.';
