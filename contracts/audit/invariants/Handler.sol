// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Entry, Party, State, Terms} from "../../src/types/AgreementTypes.sol";
import {Arithmetic} from "./Arithmetic.sol";
import {Misuse} from "./Misuse.sol";
import {Mood, SwitchToken} from "./SwitchToken.sol";

/// @title What forge calls at random: one function a move, and everything else follows from the seed.
/// @dev Mostly an agreement is chosen for which the move is possible, so that few calls are idle; and time often goes
/// to the last second of a window, or to the first one after it.
contract Handler is Misuse {
    using Arithmetic for Terms;

    uint256 private constant MOST_PAGES = 7;
    uint256 private _turn;

    /// @notice How often each move was made, by the name of its function.
    mapping(bytes4 move => uint256) public made;

    constructor() {
        _deploy();
    }

    /// @dev forge forgets the time between two calls, so it is set anew. It likes small numbers, and two calls with the
    /// same one must not draft the same terms.
    modifier played(uint256 seed) {
        _seed(uint256(keccak256(abi.encode(seed, ++_turn))));
        _goTo(clock);
        for (uint256 i = 0; i < pages.length; ++i) {
            if (pages[i].touched) pages[i].touched = false;
        }
        if (pages.length == 0 && msg.sig != this.openBatch.selector) _openOne(_roll(3));
        _;
    }

    function _count(bool done) private {
        if (done) ++made[msg.sig];
    }

    // ── openings ─────────────────────────────────────────────────────────────────────────────────

    function openBatch(uint256 seed) external played(seed) {
        if (pages.length < MOST_PAGES) _count(_openOne(_roll(4)));
    }

    function _openOne(uint256 supplies) private returns (bool opened) {
        Terms memory t = _draftDelivery(supplies);
        address sender = [relayer, relayer, t.payer, t.payee][_roll(4)];
        Entry[] memory entries = new Entry[](supplies + 1);
        entries[0] = _entry(t, sender);
        entries[0].permit = _permit(t, t.amount);
        for (uint256 i = 1; i <= supplies; ++i) {
            entries[i] = _entry(_draftSupply(t, _idOf(t)), sender);
        }
        return supplies == 0 && _oneIn(2) ? _openLone(entries[0], sender) : _openBatch(entries, sender);
    }

    function openSupply(uint256 seed) external played(seed) {
        if (pages.length >= MOST_PAGES) return;
        Page storage parent = pages[_pick(_isOpenDelivery)];
        if (parent.terms.kind != DELIVERY) return;
        // The supply may name the delivery or any that it succeeded.
        uint256 steps = _generations(parent);
        Terms[] memory lineage = new Terms[](1 + _roll(steps + 1));
        Page storage p = parent;
        for (uint256 i = lineage.length; i > 0; --i) {
            lineage[i - 1] = p.terms;
            if (i > 1) p = pages[p.before - 1];
        }
        Terms memory t = _draftSupply(parent.terms, p.id);
        bool fits = parent.state == State.Open && clock <= _lastDelivery(parent.terms);
        uint256 slip = _roll(12);
        if (slip == 0) (t.payer, fits) = (parent.terms.payer, false);
        // A delivery that never was, or that has nothing to do with the next one.
        if (slip == 1) (lineage[0].salt, fits) = (lineage[0].salt ^ bytes32("x"), false);
        if (slip == 2) (lineage[lineage.length - 1].amount, fits) = (lineage[lineage.length - 1].amount + 1, false);
        t.parent = _idOf(lineage[0]);
        if (slip == 3) (t.parent, fits) = (bytes32(uint256(t.parent) ^ 1), false);
        _count(_openSupply(_entry(t, relayer), lineage, fits, relayer));
    }

    function _generations(Page storage p) private view returns (uint256 count) {
        while (p.before != 0) {
            p = pages[p.before - 1];
            ++count;
        }
    }

    function novate(uint256 seed) external played(seed) {
        uint256 index = _pick(_isLivePage);
        if (pages.length >= MOST_PAGES) return;
        Page storage p = pages[index];
        Terms memory t = _draftSuccessor(p);
        Novation memory n;
        n.fits = _keepsToThePredecessor(t, p.terms.handover);
        uint256 brought = _isLive(p) ? _brings(p, t) : 0;
        n.least = _oneIn(8) ? brought + 1 : _roll(brought + 1);
        n.entries = new Entry[](1 + t.supplyCount);
        n.entries[0] = _entry(t, address(0));
        n.entries[0].permit = _permit(t, t.amount - brought);
        for (uint256 i = 1; i < n.entries.length; ++i) {
            n.entries[i] = _entry(_draftSupply(t, _idOf(t)), address(0));
        }
        _consentToNovation(n, p.state);
        _count(_novate(index, n));
    }

    /// @dev Now and then another party or place than the predecessor's, or a secret that was given away already.
    function _keepsToThePredecessor(Terms memory t, bytes32 handover) private returns (bool) {
        uint256 slip = _roll(16);
        if (slip == 0) t.payer = t.payer == customers[0] ? customers[1] : customers[0];
        if (slip == 1) t.payee = t.payee == suppliers[0] ? suppliers[1] : suppliers[0];
        if (slip == 2) t.replaces = bytes32(uint256(t.replaces) ^ 1);
        if (slip == 3) t.parent = bytes32(uint256(t.parent) ^ 1);
        if (slip == 4 && handover != 0) t.handover = handover;
        return slip > 4 || (slip == 4 && handover == 0);
    }

    /// @dev After the handover the payee agrees once more: what it signed before must not undo it.
    function _consentToNovation(Novation memory n, State state) private {
        Terms memory t = n.entries[0].terms;
        bytes32 id = _idOf(t);
        Consent memory c = _action(id, t.payer, NOVATE, bytes32(n.least), _oneIn(6) ? _anyDoubt() : Doubt.None);
        Consent memory d = _action(id, t.payee, NOVATE, bytes32(uint256(state)), _oneIn(6) ? _anyDoubt() : Doubt.None);
        (n.payer, n.payee) = (c.written, d.written);
        bool bothSend = n.payer.signature.length == 0 && n.payee.signature.length == 0;
        n.sender = n.payer.signature.length == 0 ? c.sender : d.sender;
        n.fits = n.fits && c.valid && (state == State.Open || (d.valid && !bothSend));
    }

    function _draftSuccessor(Page storage p) private returns (Terms memory t) {
        Terms memory old = p.terms;
        (t.kind, t.payer, t.payee) = (old.kind, old.payer, old.payee);
        (t.token, t.unit, t.parent, t.replaces) = (old.token, old.unit, old.parent, p.id);
        if (t.kind == DELIVERY) t.supplyCount = uint8(_roll(2));
        // Mostly within the old one's word of the maker; else the ledger decides whether it is too much.
        uint256 selfLeft = _selfLeft(p, old);
        t.amount = _oneIn(2) ? uint96(p.left) : 0;
        _draftRest(t, _oneIn(4) ? type(uint128).max : selfLeft, false);
    }

    // ── moves ────────────────────────────────────────────────────────────────────────────────────

    function claim(uint256 seed) external played(seed) {
        (uint256 i, uint256 lane) = _pickLane(_mayClaim);
        _tick(_lastDelivery(pages[i].terms));
        if (_oneIn(4)) _claim(i, lane, Flaw(_roll(9)));
        _count(_claim(i, lane, Flaw.None));
    }

    function contest(uint256 seed) external played(seed) {
        (uint256 i, uint256 lane) = _pickLane(_mayContest);
        if (lane < 8) _tick(pages[i].claimed[lane] + pages[i].terms.contestWindow);
        if (_oneIn(4)) _contest(i, lane, _anyDoubt());
        _count(_contest(i, lane, Doubt.None));
    }

    function approve(uint256 seed) external played(seed) {
        (uint256 i, uint256 lane) = _pickLane(_mayApprove);
        _tick(_lastDelivery(pages[i].terms));
        if (_oneIn(4)) _approve(i, lane, _anyDoubt());
        _count(_approve(i, lane, Doubt.None));
    }

    function deliver(uint256 seed) external played(seed) {
        uint256 i = _pick(_mayDeliver);
        Page storage p = pages[i];
        // Late by a few days, or just in time.
        if (_oneIn(3)) _forward(p.terms.deliverBy + _roll(8) * 1 days);
        _tick(p.state == State.Disputed ? p.disputedAt + p.terms.arbiterWindow : _lastDelivery(p.terms));
        if (_oneIn(4)) _deliverBySecret(i, _oneIn(2) ? bytes32(0) : _secretOf(pages[_roll(pages.length)].terms));
        if (_oneIn(4)) _deliverByCarrier(i, _anyDoubt());
        bool bySecret = p.terms.carrier == address(0);
        _count(bySecret ? _deliverBySecret(i, _secretOf(p.terms)) : _deliverByCarrier(i, Doubt.None));
    }

    function accept(uint256 seed) external played(seed) {
        uint256 i = _pick(_isDelivered);
        if (_oneIn(4)) _accept(i, _anyDoubt());
        _count(_accept(i, Doubt.None));
    }

    function finalise(uint256 seed) external played(seed) {
        uint256 i = _pick(_isDelivered);
        _wait(pages[i].deliveredAt + pages[i].terms.acceptWindow);
        _count(_finalise(i));
    }

    function release(uint256 seed) external played(seed) {
        uint256 i = _pick(_isRetained);
        _wait(pages[i].deliveredAt + pages[i].terms.retentionWindow);
        _count(_release(i));
    }

    function refund(uint256 seed) external played(seed) {
        uint256 i = _pick(_isOpen);
        if (_oneIn(2)) _wait(_lastDelivery(pages[i].terms));
        _count(_refund(i));
    }

    function revoke(uint256 seed) external played(seed) {
        uint256 i = _pick(_mayRevoke);
        if (!_oneIn(3)) return; // a payee who gives up ends too many stories
        _tick(_lastDelivery(pages[i].terms));
        if (_oneIn(4)) _revoke(i, _anyDoubt());
        _count(_revoke(i, Doubt.None));
    }

    function cancel(uint256 seed) external played(seed) {
        uint256 i = _pick(_mayCancel);
        Terms memory t = pages[i].terms;
        _tick(_lastDelivery(t));
        uint256 costs = pages[i].state == State.Open ? _cancelCosts(pages[i], t) : 0;
        if (_oneIn(4)) _cancel(i, costs, _anyDoubt());
        if (_oneIn(4) && costs > 0) _cancel(i, costs - 1, Doubt.None);
        _count(_cancel(i, costs + (_oneIn(2) ? 0 : _roll(t.amount)), Doubt.None));
    }

    function dispute(uint256 seed) external played(seed) {
        uint256 i = _pick(_mayDispute);
        Page storage p = pages[i];
        if (p.state == State.Open) _tick(_lastDelivery(p.terms));
        if (p.state == State.Delivered) _tick(p.deliveredAt + p.terms.acceptWindow);
        if (p.state == State.Retained) _tick(p.deliveredAt + p.terms.retentionWindow);
        Party named = Party(_roll(3));
        bool byPayee = named == Party.Payee && p.state == State.Open;
        (address by, address other) =
            byPayee ? (p.terms.payee, p.terms.payer) : (p.terms.payer, p.terms.payee);
        if (_oneIn(4)) _dispute(i, named, other, Doubt.None);
        if (_oneIn(4)) _dispute(i, named, by, _anyDoubt());
        _count(_dispute(i, named, by, Doubt.None));
    }

    function resolve(uint256 seed) external played(seed) {
        uint256 i = _pick(_isDisputed);
        _tick(pages[i].disputedAt + pages[i].terms.arbiterWindow);
        if (_oneIn(4)) _resolve(i, _roll(10_003), _anyDoubt());
        _count(_resolve(i, _roll(10_001), Doubt.None));
    }

    function timeout(uint256 seed) external played(seed) {
        uint256 i = _pick(_isDisputed);
        _wait(pages[i].disputedAt + pages[i].terms.arbiterWindow);
        _count(_timeout(i));
    }

    function split(uint256 seed) external played(seed) {
        uint256 i = _pick(_isLivePage);
        if (_oneIn(4)) _split(i, _roll(10_003), _anyDoubt(), Doubt.None);
        if (_oneIn(4)) _split(i, _roll(10_003), Doubt.None, _anyDoubt());
        if (_oneIn(3)) _count(_split(i, _roll(10_001), Doubt.None, Doubt.None));
    }

    function withdraw(uint256 seed) external played(seed) {
        uint256 i = _pick(_isOwing);
        for (uint256 party = 0; party < 3; ++party) {
            _count(_withdraw(i, Party(party)));
        }
    }

    // ── the world around ─────────────────────────────────────────────────────────────────────────

    function misopen(uint256 seed) external played(seed) {
        uint256 kind = _roll(8);
        if (kind < 3) _openBadTerms(_roll(1 << 32));
        else if (kind < 5) _openBadBatch(_roll(1 << 32));
        else if (kind == 5) _openUnsigned(_roll(SLIPS_OF_SIGNING));
        else if (kind == 6) _openWithTokenFee();
        else if (_oneIn(2)) _openAgain(_roll(pages.length));
        else if (pages.length < MOST_PAGES) _openWithin();
    }

    function pass(uint256 seed) external played(seed) {
        _forward(clock + _roll(_oneIn(4) ? 6 days : 12 hours));
    }

    /// @dev A token turns one person away, or does no more so.
    function turnAway(uint256 seed) external played(seed) {
        SwitchToken token = tokens[_roll(2)];
        address whom = [customers[0], customers[1], makers[0], makers[1], suppliers[0], suppliers[1], fees][_roll(7)];
        token.setMood(whom, Mood(_oneIn(2) ? 0 : 1 + _roll(2)));
    }

    /// @dev Somebody sends money to an agreement's address; it is nobody's and must disturb nothing.
    function donate(uint256 seed) external played(seed) {
        Page storage p = pages[_roll(pages.length)];
        uint256 amount = 1 + _roll(1_000);
        vm.prank(stranger);
        p.token.transfer(address(p.clone), amount);
        p.donated += amount;
        p.touched = true;
        _expect(p.token, stranger, address(p.clone), amount);
        _compareFlows(p.token);
    }

    // ── what the suite asks ──────────────────────────────────────────────────────────────────────

    /// @notice Reverts unless every agreement that the last call touched keeps every invariant.
    function check() external view {
        for (uint256 i = 0; i < pages.length; ++i) {
            if (pages[i].touched) _check(pages[i], SELF_ATTESTED_BPS);
        }
        for (uint256 i = 0; i < 2; ++i) {
            vm.assertEq(tokens[i].received(address(factory)), 0, "money went through the factory");
            vm.assertEq(tokens[i].balanceOf(address(factory)), 0, "money rests in the factory");
        }
    }

    /// @notice The token turns nobody away any more, time passes, strangers call what anyone may call: afterwards no
    /// unit is left in any agreement but what was given to it.
    function leaveToStrangers() external {
        for (uint256 i = 0; i < 7; ++i) {
            address whom = [customers[0], customers[1], makers[0], makers[1], suppliers[0], suppliers[1], fees][i];
            tokens[0].setMood(whom, Mood.Plain);
            tokens[1].setMood(whom, Mood.Plain);
        }
        _goTo(clock + 400 days);
        for (uint256 i = 0; i < pages.length; ++i) {
            _refund(i);
            _finalise(i);
            _release(i);
            _timeout(i);
            for (uint256 party = 0; party < 3; ++party) {
                _withdraw(i, Party(party));
            }
            _check(pages[i], SELF_ATTESTED_BPS);
            uint256 rest = pages[i].token.balanceOf(address(pages[i].clone));
            _same("units unaccounted", 0, rest - pages[i].donated);
        }
    }

    /// @notice What happened since the beginning: agreements, calls of the contracts, refusals foretold, and how often
    /// each of the moves was made; numbers of four bytes.
    function tally(bytes4[] calldata moves) external view returns (bytes memory told) {
        told = abi.encodePacked(uint32(pages.length), uint32(asked), uint32(refused));
        for (uint256 i = 0; i < moves.length; ++i) {
            told = abi.encodePacked(told, uint32(made[moves[i]]));
        }
    }

    // ── choosing ─────────────────────────────────────────────────────────────────────────────────

    function _anyDoubt() private returns (Doubt) {
        return _oneIn(3) ? Doubt.None : Doubt(_roll(8));
    }

    function _forward(uint256 moment) private {
        if (moment > clock) _goTo(moment);
    }

    /// @dev Sometimes to the last second of a window, sometimes to the first one after it.
    function _tick(uint256 last) private {
        uint256 chance = _roll(16);
        if (chance < 3) _forward(last);
        else if (chance == 3) _forward(last + 1);
    }

    /// @dev Mostly over the end of a window, sometimes just to it.
    function _wait(uint256 last) private {
        uint256 chance = _roll(4);
        if (chance < 2) _forward(last + 1);
        else if (chance == 2) _forward(last);
    }

    /// @dev A page on which the move is possible; now and then, or where there is none, any page.
    function _pick(function(Page storage, Terms memory) view returns (bool) may) private returns (uint256) {
        (uint256 count, uint256 first) = (pages.length, _roll(pages.length));
        if (_oneIn(10)) return first;
        for (uint256 i = 0; i < count; ++i) {
            uint256 index = (first + i) % count;
            if (may(pages[index], pages[index].terms)) return index;
        }
        return first;
    }

    function _pickLane(function(Page storage, Terms memory, uint256) view returns (bool) may)
        private
        returns (uint256 index, uint256 lane)
    {
        (uint256 count, uint256 first, uint256 offset) = (pages.length, _roll(pages.length), _roll(9));
        if (_oneIn(10)) return (first, offset);
        for (uint256 i = 0; i < count; ++i) {
            index = (first + i) % count;
            Terms memory t = pages[index].terms;
            for (uint256 j = 0; j < 8; ++j) {
                lane = (offset + j) % 8;
                if (may(pages[index], t, lane)) return (index, lane);
            }
        }
        return (first, offset);
    }

    function _isLivePage(Page storage p, Terms memory) private view returns (bool) {
        return _isLive(p);
    }

    function _isOpen(Page storage p, Terms memory) private view returns (bool) {
        return p.state == State.Open;
    }

    function _isOpenDelivery(Page storage p, Terms memory t) private view returns (bool) {
        return p.state == State.Open && t.kind == DELIVERY;
    }

    function _isDelivered(Page storage p, Terms memory) private view returns (bool) {
        return p.state == State.Delivered;
    }

    function _isRetained(Page storage p, Terms memory) private view returns (bool) {
        return p.state == State.Retained;
    }

    function _isDisputed(Page storage p, Terms memory) private view returns (bool) {
        return p.state == State.Disputed;
    }

    function _isOwing(Page storage p, Terms memory t) private view returns (bool) {
        for (uint256 party = 0; party < 3; ++party) {
            if (_mayWithdraw(p, t, Party(party))) return true;
        }
        return false;
    }
}
