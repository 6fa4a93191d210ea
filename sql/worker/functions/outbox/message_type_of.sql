create or replace function worker.message_type_of(p_queue text)
  returns text
  language sql
  immutable
  parallel safe
begin atomic
  select replace(initcap(replace(substr(p_queue collate "C", 5), '_', ' ')), ' ', '');
end;

comment on function worker.message_type_of is
  'Type of the messages in an outgoing queue: the opposite of outgoing_queue. Called by queue_figures.';
