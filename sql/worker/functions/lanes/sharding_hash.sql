create or replace function worker.sharding_hash(p_message jsonb)
  returns integer
  language sql
  immutable
  parallel safe
begin atomic
  select case p_message ->> 'type'
    when 'FetchDebtorInfo' then worker.hash32(p_message ->> 'iri')
    when 'StoreDocument' then worker.hash32(p_message ->> 'debtor_info_locator')
    when 'DiscoverDebtor' then worker._hash_of_id(p_message -> 'debtor_id')
    when 'ConfirmDebtor' then worker._hash_of_id(p_message -> 'debtor_id')
    when 'NeededCollector' then worker._hash_of_id(p_message -> 'debtor_id')
    when 'TriggerTransfer' then worker._hash_of_id(p_message -> 'collector_id')
    when 'AccountIdResponse' then worker._hash_of_id(p_message -> 'collector_id')
    when 'StartSending' then worker._hash_of_id(p_message -> 'collector_id')
    when 'StartDispatching' then worker._hash_of_id(p_message -> 'collector_id')
    else worker._hash_of_id(p_message -> 'creditor_id')
  end;
end;

comment on function worker.sharding_hash is
  'Hash of a message''s sharding key, which decides its shard and lane; null when the message has no usable key. '
  'Called where a message may be in the wrong shard.';
