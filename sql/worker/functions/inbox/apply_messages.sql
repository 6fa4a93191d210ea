create or replace function worker.apply_messages(p_type text, p_messages jsonb[])
  returns void
  language plpgsql
as $$
begin
  case p_type
    when 'RejectedConfig' then perform worker.apply_rejected_config(p_messages);
    when 'AccountUpdate' then perform worker.apply_account_update(p_messages);
    when 'AccountPurge' then perform worker.apply_account_purge(p_messages);
    when 'AccountTransfer' then perform worker.apply_account_transfer(p_messages);
    when 'RejectedTransfer' then perform worker.apply_rejected_transfer(p_messages);
    when 'PreparedTransfer' then perform worker.apply_prepared_transfer(p_messages);
    when 'FinalizedTransfer' then perform worker.apply_finalized_transfer(p_messages);
    when 'UpdatedLedger' then perform worker.apply_updated_ledger(p_messages);
    when 'UpdatedPolicy' then perform worker.apply_updated_policy(p_messages);
    when 'UpdatedFlags' then perform worker.apply_updated_flags(p_messages);
    when 'FetchDebtorInfo' then perform worker.apply_fetch_debtor_info(p_messages);
    when 'StoreDocument' then perform worker.apply_store_document(p_messages);
    when 'DiscoverDebtor' then perform worker.apply_discover_debtor(p_messages);
    when 'ConfirmDebtor' then perform worker.apply_confirm_debtor(p_messages);
    when 'ActivateCollector' then perform worker.apply_activate_collector(p_messages);
    when 'CandidateOffer' then perform worker.apply_candidate_offer(p_messages);
    when 'NeededCollector' then perform worker.apply_needed_collector(p_messages);
    when 'ReviseAccountLock' then perform worker.apply_revise_account_lock(p_messages);
    when 'TriggerTransfer' then perform worker.apply_trigger_transfer(p_messages);
    when 'AccountIdRequest' then perform worker.apply_account_id_request(p_messages);
    when 'AccountIdResponse' then perform worker.apply_account_id_response(p_messages);
    when 'StartSending' then perform worker.apply_start_sending(p_messages);
    when 'StartDispatching' then perform worker.apply_start_dispatching(p_messages);
    else
      raise exception using errcode = 'ST001', message = 'unknown message type',
        detail = format('type %s', coalesce(p_type, 'missing'));
  end case;
end
$$;

comment on function worker.apply_messages is
  'Routes messages of one type to their handler. No two of them may have the same worker.message_key. Called by '
  'the drain.';
